import { CliError } from "../errors/error.ts";
import { isOurs, MANAGED_BY, tagNames, type Identity, type Tags } from "../aws/tags.ts";
import type { AnyFound, AnyResource, Standing } from "./resource.ts";

/** Why something found may not be touched, in words; undefined when it is ours. */
function objection(resource: AnyResource, tags: Tags, identity: Identity): string | undefined {
  if (isOurs(tags, identity)) return undefined;
  const what = `${resource.id} ${resource.name}`;
  const { [tagNames.managedBy]: managedBy, [tagNames.stack]: stack, [tagNames.region]: region } = tags;
  if (managedBy && managedBy !== MANAGED_BY) return `${what} is managed by ${managedBy}`;
  if (!managedBy) return `${what} exists and was not made by shelfshack-ws`;
  if (stack !== identity.stack) return `${what} belongs to the stack ${stack}`;
  return `${what} belongs to the same stack in ${region}, this is ${identity.region}`;
}

const advice = `nothing was changed; choose other names (--env NAME, or each name in the config), or remove what is listed.
To deploy with another tool take the zip from: shelfshack-ws package --out websocket_proxy.zip`;

/** The refusal (exit 4) where several of ours have one name: which of them is used is for a person to say. */
export function several({ id, name }: Pick<AnyResource, "id" | "name">, all: readonly AnyFound[]): CliError {
  const list = all.map(
    ({ attributes, createdAt }) =>
      `  ${Object.values(attributes).slice(0, 2).join("  ")}  made ${createdAt?.toISOString()}`,
  );
  return new CliError(
    "several-of-ours",
    `there are ${all.length} of ${id} ${name} with this stack's tags:\n${list.join("\n")}`,
    {
      hint: "delete the unused ones, or the whole stack: shelfshack-ws destroy",
    },
  );
}

/** Throws that refusal for the first of which there are several. */
export function refuseSeveral(found: Iterable<readonly [AnyResource, Standing | undefined]>): void {
  for (const [resource, thing] of found)
    if (thing && thing.duplicates.length > 0) throw several(resource, [thing, ...thing.duplicates]);
}

/** Refuses (exit 4) when anything found is not ours; lists all of it. */
export function refuseNotOurs(
  found: Iterable<readonly [AnyResource, AnyFound | undefined]>,
  identity: Identity,
): void {
  const objections = [...found].flatMap(([resource, thing]) =>
    thing?.tags ? (objection(resource, thing.tags, identity) ?? []) : [],
  );
  if (objections.length > 0) throw new CliError("not-ours", objections.join("\n"), { hint: advice });
}
