import { command, type Advice } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { isOurs, MANAGED_BY, tagNames, type Identity, type Tags } from "../aws/tags.ts";
import type { AnyFound, AnyResource, Standing } from "./resource.ts";

/** Why a resource that was found may not be changed; undefined when it is ours. */
function objection(resource: AnyResource, tags: Tags, identity: Identity): string | undefined {
  if (isOurs(tags, identity)) return undefined;
  const what = `${resource.id} ${resource.name}`;
  const { [tagNames.managedBy]: managedBy, [tagNames.stack]: stack, [tagNames.region]: region } = tags;
  if (managedBy && managedBy !== MANAGED_BY) return `${what} is managed by ${managedBy}`;
  if (!managedBy) return `${what} exists and was not created by shelfshack-ws`;
  if (stack !== identity.stack) return `${what} belongs to the stack ${stack}`;
  return `${what} belongs to the same stack in ${region}, this is ${identity.region}`;
}

const advice: Advice = [
  "no changes were made; use other names (--env NAME, or in the config), or delete what is listed; " +
    "to deploy with another tool take the zip from: ",
  command("package", { out: "websocket_proxy.zip" }),
];

/** A role is in no region: what stands in the way is the stack of another one, perhaps another project's. */
const regionAdvice = (region: string): Advice =>
  `no changes were made; the stack of this name is in ${region}, perhaps of another project: ` +
  `pass --region ${region} to work on it, or --env NAME to make one with other names`;

/** The region of the same stack elsewhere, where that alone stands in the way. */
function otherRegion(all: readonly Tags[], { stack, region }: Identity): string | undefined {
  const regions = new Set(
    all.map((tags) =>
      tags[tagNames.managedBy] === MANAGED_BY && tags[tagNames.stack] === stack
        ? tags[tagNames.region]
        : undefined,
    ),
  );
  const [other, ...more] = regions;
  return more.length === 0 && other !== region ? other : undefined;
}

/** The refusal (exit 4) where there are several of ours: a person decides which of them is used. */
export function several({ id, name }: Pick<AnyResource, "id" | "name">, all: readonly AnyFound[]): CliError {
  const list = all.map(({ attributes, createdAt }) => {
    const created = createdAt ? [`created ${createdAt.toISOString()}`] : [];
    return `  ${[...Object.values(attributes).slice(0, 2), ...created].join("  ")}`;
  });
  return new CliError(
    "several-of-ours",
    `there are ${all.length} of ${id} ${name} with this stack's tags:\n${list.join("\n")}`,
    {
      hint: ["delete the unused ones, or the whole stack: ", command("destroy")],
    },
  );
}

/** Throws that refusal for the first resource of which there are several. */
export function refuseSeveral(found: Iterable<readonly [AnyResource, Standing | undefined]>): void {
  for (const [resource, one] of found)
    if (one && one.duplicates.length > 0) throw several(resource, [one, ...one.duplicates]);
}

/** Refuses (exit 4) when anything found is not ours; lists all of it. */
export function refuseNotOurs(
  found: Iterable<readonly [AnyResource, AnyFound | undefined]>,
  identity: Identity,
): void {
  const objections = [...found].flatMap(([resource, one]) => {
    const text = one?.tags && objection(resource, one.tags, identity);
    return one?.tags && text !== undefined ? [{ text, tags: one.tags }] : [];
  });
  if (objections.length === 0) return;
  const elsewhere = otherRegion(
    objections.map(({ tags }) => tags),
    identity,
  );
  throw new CliError("not-ours", objections.map(({ text }) => text).join("\n"), {
    hint: elsewhere === undefined ? advice : regionAdvice(elsewhere),
  });
}
