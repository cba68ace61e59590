import { command, type Advice, NO_CHANGES } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { isOurs, MANAGED_BY, otherManagerIn, tagNames, type Identity, type Tags } from "../aws/tags.ts";
import { isCandidate, isToBeAdopted, refuseWhileBegun, type Owner } from "./adopt.ts";
import type { AnyFound, AnyResource, Standing } from "./resource.ts";

type FoundOfEach = Iterable<readonly [AnyResource, AnyFound | undefined]>;

/** The other tool that manages something of what was found, as its tag says; undefined where none does. */
export function managerOf(found: FoundOfEach): string | undefined {
  const managers = [...found].map(([, one]) => otherManagerIn(one?.tags ?? {}));
  return managers.find((manager) => manager !== undefined);
}

/** Why what has these tags may not be changed, in words that follow its name; undefined when it is ours. */
export function claimOn(tags: Tags, identity: Identity): string | undefined {
  if (isOurs(tags, identity)) return undefined;
  const { [tagNames.managedBy]: managedBy, [tagNames.stack]: stack, [tagNames.region]: region } = tags;
  const manager = otherManagerIn(tags);
  if (manager !== undefined) return `is managed by ${manager}`;
  if (!managedBy) return "exists and was not created by shelfshack-ws";
  if (stack !== identity.stack) return `belongs to the stack ${stack}`;
  return `belongs to the same stack in ${region}, this is ${identity.region}`;
}

/** What helps beside another tool: the same for everything that writes. */
const adviceBeside = (manager: string): Advice => [
  `${NO_CHANGES}; leave changes to ${manager}, which can take the zip from: `,
  command("package", { out: "websocket_proxy.zip" }),
  `\nto take the stack over, let ${manager} set its tags to ${tagNames.managedBy}=${MANAGED_BY} and give ` +
    "it up; to have a stack beside it, use other names (--env NAME, or in the config)",
];

const advice: Advice = [
  `${NO_CHANGES}; use other names (--env NAME, or in the config), or delete what is listed; ` +
    "to deploy with another tool take the zip from: ",
  command("package", { out: "websocket_proxy.zip" }),
];

/** What stands in the way was made by hand, so that the stack may take it over. */
const adoptionAdvice: Advice = [
  `${NO_CHANGES}; to see what adopting it would change: `,
  command("plan", { adopt: true }),
  "; or use other names (--env NAME, or in the config)",
];

/** A role is in no region: what stands in the way is the stack of another one, perhaps another project's. */
const regionAdvice = (region: string): Advice =>
  `${NO_CHANGES}; the stack of this name is in ${region}, perhaps of another project: ` +
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

/** The refusal (exit 4) where there are several: a person decides which of them is used. */
export function several(resource: AnyResource, all: readonly AnyFound[]): CliError {
  const { id, name } = resource;
  const list = all.map(({ attributes, createdAt }) => {
    const created = createdAt ? [`created ${createdAt.toISOString()}`] : [];
    return `  ${[...Object.values(attributes).slice(0, 2), ...created].join("  ")}`;
  });
  if (all.every((one) => isCandidate(resource, one)))
    return new CliError(
      "several-candidates",
      `there are ${all.length} of ${id} ${name} that could be adopted:\n${list.join("\n")}`,
      { hint: `${NO_CHANGES}; delete the unused ones, or give the one to adopt a name of its own` },
    );
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

/** The refusal to write (exit 4) to what another tool manages. */
export const managedByOther = (what: string, manager: string): CliError =>
  new CliError("not-ours", `${what} is managed by ${manager}`, { hint: adviceBeside(manager) });

/** Throws that refusal to write. */
export function refuseNotOurs(found: FoundOfEach, owner: Owner): void {
  const refusal = refusalToWrite(found, owner);
  if (refusal) throw refusal;
}

/**
 * Throws (exit 4) where a command may not write to a part of the stack: it is not ours, or is not at the end
 * of its adoption.
 */
export function refuseToWrite(found: ReadonlyMap<AnyResource, AnyFound | undefined>, owner: Owner): void {
  refuseNotOurs(found, owner);
  refuseWhileBegun(found);
}

/**
 * Why nothing may be written (exit 4): what was found and is neither ours nor adopted, all of it; undefined
 * where there is no such thing.
 */
export function refusalToWrite(found: FoundOfEach, owner: Owner): CliError | undefined {
  const { identity } = owner;
  const objections = [...found].flatMap(([resource, one]) => {
    const claim = one?.tags && claimOn(one.tags, identity);
    if (!one?.tags || claim === undefined || isToBeAdopted(resource, one, owner)) return [];
    const text = `${resource.id} ${resource.name} ${claim}`;
    return [{ text, tags: one.tags, adoptable: isCandidate(resource, one) }];
  });
  if (objections.length === 0) return undefined;
  const manager = managerOf(found);
  const elsewhere = otherRegion(
    objections.map(({ tags }) => tags),
    identity,
  );
  const byHand = objections.some(({ adoptable }) => adoptable) ? adoptionAdvice : advice;
  const beside = manager === undefined ? byHand : adviceBeside(manager);
  return new CliError("not-ours", objections.map(({ text }) => text).join("\n"), {
    hint: elsewhere === undefined ? beside : regionAdvice(elsewhere),
  });
}
