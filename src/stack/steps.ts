import { CliError } from "../errors/error.ts";
import { steps as stepNames, type Step } from "../settings/table.ts";
import { plan, type Observed, type Scope, type Stack } from "./engine.ts";
import type { AnyResource } from "./resource.ts";

/**
 * What a step of the manual set-up covers: whole resources, or some properties of one that another step
 * makes.
 */
type Part = { id: string; paths?: RegExp; madeBy?: Step };

const endpointPath = /^Environment\.API_GATEWAY_ENDPOINT$/;

/** What each step makes or sets. */
const partsOfStep: Readonly<Record<Step, readonly Part[]>> = {
  role: [{ id: "Role" }],
  policy: [{ id: "RolePolicy" }],
  logs: [{ id: "LogGroup" }],
  function: [{ id: "Function", paths: /^(?!Environment)/ }],
  env: [{ id: "Function", paths: /^Environment\.(?!API_GATEWAY_ENDPOINT$)/, madeBy: "function" }],
  api: [{ id: "Api" }],
  integration: [{ id: "Integration" }],
  routes: [{ id: "RouteConnect" }, { id: "RouteDisconnect" }, { id: "RouteDefault" }],
  permission: [{ id: "Permission" }],
  stage: [{ id: "Deployment" }, { id: "Stage" }],
  endpoint: [{ id: "Function", paths: endpointPath, madeBy: "function" }],
};

const codeOnly: Part = { id: "Function", paths: /^CodeSha256$/, madeBy: "function" };

/** The parts of the stack that a deploy is limited to; undefined for all of it. */
export function partsOf({
  only,
  codeOnly: isCodeOnly,
}: {
  only?: readonly Step[] | undefined;
  codeOnly?: boolean | undefined;
}): Part[] | undefined {
  if (isCodeOnly) return [codeOnly];
  return only?.flatMap((step) => partsOfStep[step]);
}

/** The engine's scope for some parts; undefined for all of the stack. */
export const scopeOf = (parts: readonly Part[] | undefined): Scope | undefined =>
  parts &&
  ((resource, path) =>
    parts.some(({ id, paths }) => id === resource.id && (path === undefined || !paths || paths.test(path))));

/** The step that makes a resource. */
const stepThatMakes = (id: string): Step | undefined =>
  stepNames.find((step) => partsOfStep[step].some((part) => part.id === id && !part.madeBy));

/**
 * Throws a CliError that names the steps to run first when the parts need something that is not there, or is
 * not as it is to be kept.
 */
export function refuseMissingNeeds(
  stack: Stack,
  observed: Observed,
  parts: readonly Part[] | undefined,
): void {
  if (!parts) return;
  refuseAbsentNeeds(stack, observed, parts);
  refuseDriftedNeeds(stack, observed, parts);
}

/**
 * A snapshot of what somebody else has changed would pass for one of what we want (see `Resource.snapshot`).
 */
function refuseDriftedNeeds(stack: Stack, observed: Observed, parts: readonly Part[]): void {
  const isWanted = ({ id }: AnyResource) => parts.some((part) => part.id === id);
  const snapshots = stack.resources.filter((resource) => resource.copies && isWanted(resource));
  const needed = new Set(snapshots.flatMap(({ needs }) => Object.values<AnyResource>(needs)));
  const drifted = plan(stack, observed).filter(
    ({ resource, action }) => action === "update" && needed.has(resource) && !isWanted(resource),
  );
  if (drifted.length === 0) return;
  const first = [...new Set(drifted.map(({ resource }) => stepThatMakes(resource.id)))];
  throw new CliError(
    "step-needs-drifted",
    `${namesOf(drifted.map(({ resource }) => resource))} differ from what is to be deployed`,
    {
      hint: `first run: shelfshack-ws deploy --only ${first.join(",")}`,
    },
  );
}

const namesOf = (resources: Iterable<AnyResource>): string =>
  [...resources].map(({ id, name }) => `${id} ${name}`).join(", ");

function refuseAbsentNeeds(stack: Stack, observed: Observed, parts: readonly Part[]): void {
  const isMade = (resource: AnyResource) =>
    observed.get(resource) || parts.some(({ id, madeBy }) => id === resource.id && !madeBy);
  const wanted = stack.resources.filter(({ id }) => parts.some((part) => part.id === id));
  const missing = new Set(
    [...wanted, ...wanted.flatMap(({ needs }) => Object.values<AnyResource>(needs))].filter(
      (resource) => !isMade(resource),
    ),
  );
  if (missing.size === 0) return;
  const first = [...new Set([...missing].map(({ id }) => stepThatMakes(id)))];
  throw new CliError("step-needs-missing", `not there yet, but needed for this step: ${namesOf(missing)}`, {
    hint: `first run: shelfshack-ws deploy --only ${first.join(",")}`,
  });
}
