import { CliError } from "../errors.ts";
import { steps as stepNames, type Step } from "../settings.ts";
import type { Observed, Scope, Stack } from "./engine.ts";
import type { AnyResource } from "./resource.ts";

/** What a step of the manual set-up covers: whole resources, or some properties of one that another step makes. */
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
  parts && ((resource, path) => parts.some(({ id, paths }) => id === resource.id && (path === undefined || !paths || paths.test(path))));

/** The step that makes a resource. */
const stepThatMakes = (id: string): Step | undefined =>
  stepNames.find((step) => partsOfStep[step].some((part) => part.id === id && !part.madeBy));

/** Throws a CliError that names the steps to run first when the parts need something that is not there. */
export function refuseMissingNeeds(stack: Stack, observed: Observed, parts: readonly Part[] | undefined): void {
  if (!parts) return;
  const isMade = (resource: AnyResource) => observed.get(resource) || parts.some(({ id, madeBy }) => id === resource.id && !madeBy);
  const wanted = stack.resources.filter(({ id }) => parts.some((part) => part.id === id));
  const missing = new Set(
    [...wanted, ...wanted.flatMap(({ needs }) => Object.values<AnyResource>(needs))].filter((resource) => !isMade(resource)),
  );
  if (missing.size === 0) return;
  const first = [...new Set([...missing].map(({ id }) => stepThatMakes(id)))];
  throw new CliError(`this step needs ${[...missing].map(({ id, name }) => `${id} ${name}`).join(", ")}, which does not exist yet`, {
    hint: `first run: shelfshack-ws deploy --only ${first.join(",")}`,
  });
}
