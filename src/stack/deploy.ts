import type { Run } from "./create.ts";
import { describeChanges, type ChangeLine } from "./describe.ts";
import { deploy, destroy, observe, observeReadable, plan, type Change, type Stack } from "./engine.ts";
import { partsOf, refuseMissingNeeds, scopeOf, type DeployLimits } from "./steps.ts";

/** A stack that can be read, compared and deleted, with what reaches it. */
export interface OpenStack<S extends Stack = Stack> {
  stack: S;
  run: Run;
  /** Where clients connect, as far as the changes tell; null as long as there is no such address. */
  urlIn(changes: readonly Change[]): string | null;
}

/** A stack with the code to deploy. */
export interface DeployableStack<S extends Stack = Stack> extends OpenStack<S> {
  /** `sha256` in base64, as Lambda's `CodeSha256`. */
  code: { bytes: number; sha256: string };
}

/** What a deploy did, or would do. */
export interface DeployOutcome {
  changed: boolean;
  code: DeployableStack["code"];
  resources: ChangeLine[];
  url: string | null;
}

/** Makes AWS match the stack, or some steps of it. Throws as the engine does. */
export async function deployStack(open: DeployableStack, limits: DeployLimits = {}): Promise<DeployOutcome> {
  const { stack, run } = open;
  const parts = partsOf(limits);
  if (parts) refuseMissingNeeds(stack, await observe(stack, run.aws), parts);
  return outcomeOf(open, limits, await deploy(stack, run, scopeOf(parts)));
}

/** What such a deploy would do, as far as the stack can be read; writes nothing. */
export async function planStack(open: DeployableStack, limits: DeployLimits = {}): Promise<DeployOutcome> {
  const { stack, run } = open;
  const parts = partsOf(limits);
  const { observed, unread } = await observeReadable(stack.resources, run);
  refuseMissingNeeds(stack, observed, parts, unread);
  return outcomeOf(open, limits, plan(stack, observed, scopeOf(parts), unread));
}

function outcomeOf(
  { urlIn, code }: DeployableStack,
  limits: DeployLimits,
  changes: readonly Change[],
): DeployOutcome {
  const resources = describeChanges(changes, scopeOf(partsOf(limits)));
  return {
    changed: resources.some(({ action }) => action !== "none"),
    code,
    resources,
    url: urlIn(changes),
  };
}

/** What was deleted of a stack. */
export interface Removal {
  changed: boolean;
  stack: string;
  region: string;
  removed: { id: string; type: string; name: string }[];
}

/** Deletes what carries the stack's tags. Throws as the engine does. */
export async function destroyStack({ stack, run }: OpenStack): Promise<Removal> {
  const removed = await destroy(stack, run);
  return {
    changed: removed.length > 0,
    stack: stack.identity.stack,
    region: stack.identity.region,
    removed: removed.map(({ id, type, name }) => ({ id, type, name })),
  };
}
