import { servedAfterTest, type Serving } from "../aws/tested-release.ts";
import { command as invocation, partsOf, type Advice, type Invocation } from "../errors/advice.ts";
import { explain } from "../errors/explain.ts";
import type { WebSocketStack } from "../resources/stack.ts";
import { checkOfTags } from "../stack/again.ts";
import type { DeployOutcome, OpenStack } from "../stack/deploy.ts";
import type { AnyFound } from "../stack/resource.ts";
import { oneLine } from "../terminal/format.ts";

type Open = OpenStack<WebSocketStack>;
type Made = Pick<DeployOutcome, "resources">;

/**
 * Which release serves after a smoke test that failed: this run's, or again the one before. `found` is the
 * function from before the deploy.
 */
export async function served(
  open: Open,
  made: Made,
  { takesBack, found }: { takesBack: boolean; found: AnyFound | undefined },
): Promise<Serving | null> {
  const { run, stack } = open;
  const check = checkOfTags(stack.lambdaFunction, found, stack);
  const after = (of: { takesBack: boolean }) =>
    servedAfterTest(run.aws, stack.lambdaFunction.name, { ...movedIn(open, made), ...of, check });
  try {
    return await after({ takesBack });
  } catch (error) {
    run.signal.throwIfAborted();
    // It was not taken back, or not read: the result is what the test has found, and why not.
    const failure = explain(error).message;
    const serving = takesBack ? await after({ takesBack: false }).catch(() => null) : null;
    return { ...(serving ?? unread(movedIn(open, made).before)), failure };
  }
}

/** Of a release that serves, and could not be read, this run knows only what served before it. */
const unread = (before: string | null) => ({ serves: null, before, rolledBack: false, movedBy: null });

/** The release before that may tell what this one has brought: what is adopted has no proof behind it. */
export const provenBefore = (open: Open, made: Made): string | null =>
  made.resources.find(({ id }) => id === open.stack.alias.id)?.action === "create"
    ? null
    : movedIn(open, made).before;

/** The release that served before the deploy, and its own, where it has moved the alias. */
function movedIn({ stack }: Open, { resources }: Made): { before: string | null; own: string | null } {
  const { from, to } = resources
    .find(({ id }) => id === stack.alias.id)
    ?.differences.find(({ path }) => path === "FunctionVersion") ?? { from: null, to: null };
  const numberIn = (value: unknown) => (typeof value === "string" ? value : null);
  return { before: numberIn(from), own: numberIn(to) };
}

export function servingText({ serves, before, rolledBack, movedBy, failure }: Serving): string {
  if (serves === null) return `which release serves could not be read: ${oneLine(failure ?? "unknown")}`;
  if (movedBy !== null)
    return `release ${serves} serves by now and stays, by ${oneLine(movedBy)}: not the one that was tested`;
  if (failure !== null)
    return `release ${serves} serves; release ${before} could not be served again: ${oneLine(failure)}`;
  return rolledBack ? `release ${serves} serves again` : `release ${serves} serves`;
}

/** What serves the release before again, or tells what serves; null where nothing does. */
export function takingBack({ serves, before, rolledBack, movedBy, failure }: Serving): Advice | null {
  if (serves === null) return ["to see it: ", invocation("releases")];
  return before === null || rolledBack || movedBy !== null || failure !== null
    ? null
    : [`to serve release ${before} again: `, invocation("rollback", { toRelease: Number(before) })];
}

/** What serves now, and how what served before serves again. */
export function servingLines(release: Serving | null): readonly (string | Invocation)[] {
  if (release === null) return [];
  const advice = takingBack(release);
  return [`\n\n${servingText(release)}`, ...(advice === null ? [] : ["; ", ...partsOf(advice)])];
}
