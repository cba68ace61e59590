import { refuseWhileBegun } from "./adopt.ts";
import { command } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { isOfOthers } from "./adopt.ts";
import { steps as stepNames, type Step } from "../settings/table.ts";
import { isWanted, needsOf, plan, type Change, type Observed, type Scope, type Stack } from "./engine.ts";
import type { AnyResource, Part } from "./resource.ts";
import type { Unread } from "./unread.ts";

/** What a deploy is limited to; everything without any. */
export interface DeployLimits {
  only?: readonly Step[] | undefined;
  codeOnly?: boolean | undefined;
}

/** The parts of the stack that a deploy is limited to; undefined for all of it. */
export const partsOf = ({ only, codeOnly }: DeployLimits): readonly Part[] | undefined =>
  codeOnly ? ["code"] : only;

/** Every part of a resource with the paths that it covers; undefined for the whole resource. */
const partsIn = ({ step }: AnyResource): readonly (readonly [string, RegExp | undefined])[] => {
  if (step === undefined) return [];
  if (typeof step === "string") return [[step, undefined]];
  return isFollowing(step) ? step.map((part) => [part, undefined]) : Object.entries(step);
};

/** Whether it is made with any part of something else. */
const isFollowing = (step: AnyResource["step"]): step is readonly Part[] => Array.isArray(step);

/** The part that makes a resource: the first one that it names. Undefined for what is only looked up. */
const makerOf = (resource: AnyResource): string | undefined => partsIn(resource)[0]?.[0];

const isMadeBy = (resource: AnyResource, parts: readonly Part[]): boolean =>
  isFollowing(resource.step) ? covers(parts, resource) : parts.some((part) => part === makerOf(resource));

const covers = (parts: readonly Part[], resource: AnyResource, path?: string): boolean =>
  partsIn(resource).some(
    ([part, paths]) =>
      parts.some((wanted) => wanted === part) && (path === undefined || !paths || paths.test(path)),
  );

/** The engine's scope for some parts; undefined for all of the stack. */
export const scopeOf = (parts: readonly Part[] | undefined): Scope | undefined =>
  parts && ((resource, path) => covers(parts, resource, path));

/**
 * What a deploy of some parts touches: whose account it is, what the parts cover, and all that this needs.
 * The code needs nothing: it is the same wherever the rest is. Without parts that is everything.
 */
export function touchedBy({ resources }: Stack, parts: readonly Part[] | undefined): readonly AnyResource[] {
  if (!parts) return resources;
  const touched = new Set<AnyResource>();
  const touch = (resource: AnyResource) => {
    touched.add(resource);
    if (parts.some((part) => part !== "code")) needsOf(resource).forEach(touch);
  };
  for (const resource of resources) if (!resource.desired || covers(parts, resource)) touch(resource);
  return resources.filter((resource) => touched.has(resource));
}

/**
 * What is read before a deploy of some parts writes: what it touches, and what tells whose the stack is. For
 * the code alone the function does.
 */
export function readBefore(stack: Stack, parts: readonly Part[] | undefined): readonly AnyResource[] {
  const touched = touchedBy(stack, parts);
  const telling = parts?.some((part) => part !== "code") ? stack.tellingWhose : [];
  return stack.resources.filter((resource) => touched.includes(resource) || telling.includes(resource));
}

/** The steps that make these resources, in the order of the steps. */
const stepsThatMake = (resources: readonly AnyResource[]): Step[] =>
  stepNames.filter((step) => resources.some((resource) => makerOf(resource) === step));

/**
 * The steps that make what is missing and set what differs, in the order of the steps. What follows with
 * several of them needs none of its own then.
 */
export function stepsThatFix(changes: readonly Change[]): Step[] {
  const own = changes.filter(({ resource }) => !isFollowing(resource.step));
  const steps = stepNames.filter((step) => own.some((change) => fixes(step, change)));
  const left = changes.filter(({ resource }) => isFollowing(resource.step) && !covers(steps, resource));
  return stepNames.filter((step) => steps.includes(step) || left.some((change) => fixes(step, change)));
}

function fixes(step: Step, { resource, action, differences }: Change): boolean {
  if (action === "none") return false;
  if (action === "create" || differences.length === 0) return makerOf(resource) === step;
  return differences.some(({ path }) => covers([step], resource, path));
}

/**
 * Throws a CliError that names the steps to run first when the parts need something that is missing, or has
 * drifted and would be copied as it is.
 */
export function refuseMissingNeeds(
  stack: Stack,
  observed: Observed,
  parts: readonly Part[] | undefined,
  unread: Unread = new Map(),
): void {
  if (!parts) return;
  refuseWhileBegun(observed);
  refuseAbsentNeeds(stack, observed, { parts, unread });
  refuseDriftedNeeds(stack, observed, { parts, unread });
}

/** A copy of what was changed by hand would count as a copy of what we want (see `Resource.copies`). */
function refuseDriftedNeeds(
  stack: Stack,
  observed: Observed,
  { parts, unread }: { parts: readonly Part[]; unread: Unread },
): void {
  const copies = stack.resources.filter((resource) => resource.copies && covers(parts, resource));
  const copied = new Set(copies.flatMap(({ needs }) => Object.values<AnyResource>(needs)));
  const drifted = plan(stack, observed, undefined, unread)
    .filter(({ action }) => action === "update" || action === "delete")
    .filter(({ resource }) => copied.has(resource) && !covers(parts, resource))
    .map(({ resource }) => resource);
  if (drifted.length === 0) return;
  throw new CliError("step-needs-drifted", `${namesOf(drifted)} have drifted`, {
    hint: ["first run: ", command("deploy", { only: stepsThatMake(drifted) })],
  });
}

const namesOf = (resources: Iterable<AnyResource>): string =>
  [...resources].map(({ id, name }) => `${id} ${name}`).join(", ");

function refuseAbsentNeeds(
  stack: Stack,
  observed: Observed,
  { parts, unread }: { parts: readonly Part[]; unread: Unread },
): void {
  const wanted = stack.resources.filter((resource) => !resource.former && covers(parts, resource));
  const followed = plan(stack, observed, scopeOf(parts), unread).flatMap(({ resource, action }) =>
    action === "update" || action === "replace" ? (resource.follows ?? []) : [],
  );
  const missing = new Set(
    [...wanted, ...wanted.flatMap(({ needs }) => Object.values<AnyResource>(needs)), ...followed].filter(
      (resource) =>
        stack.resources.includes(resource) &&
        !resource.former &&
        isWanted(resource) &&
        !observed.get(resource) &&
        !unread.has(resource) &&
        !isOfOthers(resource, observed) &&
        !isMadeBy(resource, parts),
    ),
  );
  if (missing.size === 0) return;
  throw new CliError("step-needs-missing", `missing, but needed for this step: ${namesOf(missing)}`, {
    hint: ["first run: ", command("deploy", { only: stepsThatMake([...missing]) })],
  });
}
