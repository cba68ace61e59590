import { redactUrl } from "../settings/redact.ts";
import type { Run } from "./create.ts";
import { describeChanges, type ChangeLine } from "./describe.ts";
import {
  deploy,
  destroy,
  observe,
  observeReadable,
  plan,
  refuseImpossible,
  type Change,
  type Observed,
  type Removed,
  type Stack,
} from "./engine.ts";
import { partsOf, refuseMissingNeeds, scopeOf, type DeployLimits } from "./steps.ts";

/** A stack that can be read, compared and deleted, with what reaches it. */
export interface OpenStack<S extends Stack = Stack> {
  stack: S;
  run: Run;
  /** Where clients connect, as far as the changes tell; null as long as there is no such address. */
  urlIn(changes: readonly Change[]): string | null;
  /** The backend that the function calls, or will, as far as the changes tell; null where it has none. */
  backendIn(changes: readonly Change[]): string | null;
  /** The account that the credentials belong to; null where it could not be read. */
  accountIn(observed: Observed): string | null;
}

/** A stack with the code to deploy. */
export interface DeployableStack<S extends Stack = Stack> extends OpenStack<S> {
  /** `sha256` in base64, as Lambda's `CodeSha256`. */
  code: { bytes: number; sha256: string };
}

/** Where a stack is. Everything that writes says so before it does. */
export interface Place {
  account: string | null;
  region: string;
  profile: string | null;
  /** Where AWS calls go, if not to AWS's own addresses. */
  endpointUrl: string | null;
  stack: string;
}

export const placeOf = ({ stack, run: { aws }, accountIn }: OpenStack, observed: Observed): Place => ({
  account: accountIn(observed),
  region: aws.region,
  profile: aws.profile ?? null,
  endpointUrl: aws.endpointUrl === undefined ? null : redactUrl(aws.endpointUrl),
  stack: stack.identity.stack,
});

/** What a deploy did, or would do. */
export interface DeployOutcome extends Place {
  changed: boolean;
  code: DeployableStack["code"];
  resources: ChangeLine[];
  url: string | null;
  /** The backend that the function calls, or will; null where that is not known. */
  backendUrl: string | null;
}

/** What is known before anything is written; what it throws ends the run there. */
export type Before<Planned> = (planned: readonly Planned[], place: Place) => Promise<void> | void;

/** Makes AWS match the stack, or some steps of it. Throws as the engine does. */
export async function deployStack(
  open: DeployableStack,
  limits: DeployLimits = {},
  before: Before<Change> = () => undefined,
): Promise<DeployOutcome> {
  const { stack, run } = open;
  const parts = partsOf(limits);
  if (parts) refuseMissingNeeds(stack, await observe(stack, run.aws), parts);
  let place = placeOf(open, new Map());
  const changes = await deploy(stack, run, scopeOf(parts), async (planned, observed) => {
    place = placeOf(open, observed);
    await before(planned, place);
  });
  return outcomeOf(open, limits, changes, place);
}

/** What such a deploy would do, as far as the stack can be read; writes nothing. */
export async function planStack(open: DeployableStack, limits: DeployLimits = {}): Promise<DeployOutcome> {
  const { stack, run } = open;
  const parts = partsOf(limits);
  const { observed, unread } = await observeReadable(stack.resources, run);
  refuseMissingNeeds(stack, observed, parts, unread);
  const changes = plan(stack, observed, scopeOf(parts), unread);
  refuseImpossible(changes);
  return outcomeOf(open, limits, changes, placeOf(open, observed));
}

function outcomeOf(
  { urlIn, backendIn, code }: DeployableStack,
  limits: DeployLimits,
  changes: readonly Change[],
  place: Place,
): DeployOutcome {
  const resources = describeChanges(changes, scopeOf(partsOf(limits)));
  const backendUrl = backendIn(changes);
  return {
    ...place,
    changed: resources.some(({ action }) => action !== "none"),
    code,
    resources,
    url: urlIn(changes),
    backendUrl: backendUrl === null ? null : redactUrl(backendUrl),
  };
}

/** One thing that was deleted, or is to be; `physicalId` is what AWS calls it. */
export interface RemovedLine {
  id: string;
  type: string;
  name: string;
  physicalId: string;
}

/** What was deleted of a stack. */
export interface Removal extends Place {
  changed: boolean;
  removed: RemovedLine[];
}

/** Deletes what carries the stack's tags. Throws as the engine does. */
export async function destroyStack(
  open: OpenStack,
  before: Before<RemovedLine> = () => undefined,
): Promise<Removal> {
  let place = placeOf(open, new Map());
  const removed = await destroy(open.stack, open.run, async (planned, observed) => {
    place = placeOf(open, observed);
    await before(planned.map(removedLine), place);
  });
  return { ...place, changed: removed.length > 0, removed: removed.map(removedLine) };
}

const removedLine = ({ id, type, name, found: { attributes } }: Removed): RemovedLine => ({
  id,
  type,
  name,
  physicalId: Object.values(attributes)[0] ?? name,
});
