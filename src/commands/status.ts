import { codeToCompare, isOwnCode } from "../code/code.ts";
import type { Command } from "../cli/command.ts";
import { tellFound } from "../cli/function-of.ts";
import { nothing, typing } from "../cli/next.ts";
import { isCodeChanged } from "../cli/own-code.ts";
import { command as invocation, deployAgain, joined } from "../errors/advice.ts";
import { exitCodes } from "../errors/codes.ts";
import { isRollback } from "../aws/releases.ts";
import { namesFor, ownIn, type OwnUnnamed } from "../aws/own-code.ts";
import { servedRelease, type WebSocketStack } from "../resources/stack.ts";
import { placeOf, type Place } from "../stack/deploy.ts";
import { withoutReleasing, steps as allSteps, type Step } from "../settings/table.ts";
import { describeChanges, type ChangeLine } from "../stack/describe.ts";
import { observeReadable, plan, type Change, type Observed } from "../stack/engine.ts";
import type { Unread } from "../stack/unread.ts";
import { stepsThatFix } from "../stack/steps.ts";
import { broughtText, byMember, placeText, shortValues } from "../terminal/changes.ts";
import { headedTable, oneLine, type Row } from "../terminal/format.ts";
import { style } from "../terminal/style.ts";

/**
 * Of one resource; `stale`: the stage serves the routes of an older deployment, `rolled back`: the alias
 * serves an older release as a rollback chose it, `unread`: it could not be read.
 */
type State = "ok" | "missing" | "differs" | "stale" | "rolled back" | "unread";

interface StatusResult extends Place {
  deployed: boolean;
  upToDate: boolean;
  url: string | null;
  /** False where the function runs own code that was not named: it is as it may be. */
  codeCompared: boolean;
  /** What own code is run by that was not named; null where there is none. */
  ownCode: OwnUnnamed | null;
  /** The release that serves clients; null where there is none, or it cannot be read. */
  release: string | null;
  /** The steps that fix it; all of them where the function itself is to be made. */
  steps: readonly Step[];
  resources: (Omit<ChangeLine, "action" | "adoption" | "compared"> & { state: State })[];
}

export const command: Command<"status", StatusResult> = {
  async run(options, context) {
    const open = await context.stack(options, await codeToCompare(options, context));
    const { stack, run, urlIn } = open;
    const { observed, unread } = await observeReadable(stack.resources, run);
    const changes = plan(stack, observed, undefined, unread);
    const resources = describeChanges(changes).map(
      ({ action, adoption: _none, compared: _all, ...line }) => ({
        ...line,
        state: line.unread ? ("unread" as const) : stateOf({ ...line, action }, { stack, observed, unread }),
      }),
    );
    // A rollback is undone by a whole deploy alone.
    const isRolledBack = resources.some(({ state }) => state === "rolled back");
    const place = placeOf(open, observed);
    const lambda = observed.get(stack.lambdaFunction);
    if (lambda) tellFound(lambda, stack, context.report);
    const own = isOwnCode(options) ? null : ownUnnamed(stack, observed);
    const all = place.managedBy === null ? fixingSteps(changes, stack) : [];
    const possible = own?.isChanged ? withoutReleasing(all) : all;
    return {
      ...place,
      deployed: resources.every(({ state }) => state !== "missing"),
      upToDate: resources.every(({ state }) => state === "ok"),
      url: urlIn(changes),
      codeCompared: own === null,
      ownCode: own && { handler: own.handler, runtime: own.runtime },
      release: servedRelease(stack, observed),
      steps: isRolledBack ? withoutReleasing(possible) : possible,
      resources,
    };
  },

  render({ deployed, upToDate, url, codeCompared, release, steps, resources, ...place }) {
    const rows = resources.flatMap(({ id, name, state, differences, brings }): Row[] => [
      [signs[state], id, name, state === "ok" ? "" : state],
      ...differences.flatMap(byMember).map((difference) => {
        const { from, to } = shortValues(difference);
        return `${difference.path}: ${from}, should be ${to}`;
      }),
      ...broughtText(brings),
    ]);
    const isRolledBack = resources.some(({ state }) => state === "rolled back");
    return joined([
      placeText(place),
      headedTable(["", "resource", "name", "state"], rows),
      "",
      ...(url ? [url] : []),
      ...(release === null
        ? []
        : [`release ${oneLine(release)} serves${isRolledBack ? ", after a rollback" : ""}`]),
      ...(codeCompared ? [] : [OWN_UNNAMED]),
      conclusionOf({
        deployed,
        upToDate,
        steps,
        isRolledBack,
        managedBy: place.managedBy,
        codeCompared,
        resources,
      }),
    ]);
  },

  next({ steps, resources, managedBy, upToDate, ownCode }, { backendUrl }) {
    if (managedBy !== null) return nothing("the other tool makes it what it should be");
    const named = ownCode && namesFor(ownCode);
    if (steps.length === 0 && resources.some(({ state }) => state === "rolled back"))
      return typing(deployAgain, "to serve what was deployed last");
    if (steps.length === 0 && !upToDate && named)
      return typing(invocation("status", named), "with your own code");
    if (steps.length === 0) return typing(invocation("doctor"));
    // A whole deploy needs the backend's address; steps alone leave it as it is.
    const isPartial = ownCode !== null || (backendUrl === undefined && steps.length < allSteps.length);
    return typing(invocation("deploy", { only: isPartial ? [...steps] : undefined }));
  },

  exitCode: ({ upToDate }) => (upToDate ? exitCodes.done : exitCodes.different),
};

const OWN_UNNAMED =
  "your own code runs, and is not compared: name it with --source or --zip, or in the config file";

function conclusionOf({
  deployed,
  upToDate,
  steps,
  isRolledBack,
  managedBy,
  codeCompared,
  resources,
}: Pick<StatusResult, "deployed" | "upToDate" | "steps" | "managedBy" | "codeCompared" | "resources"> & {
  isRolledBack: boolean;
}): string {
  if (managedBy !== null)
    return `managed by ${oneLine(managedBy)}: a deploy is refused, and repairs nothing here`;
  if (resources.every(({ state }) => state === "missing")) return "not deployed";
  if (steps.length > 0) return deployed ? "differences found" : "not completely deployed";
  if (isRolledBack) return "clients do not get what was deployed last";
  if (upToDate) return "up to date";
  return codeCompared ? "no differences in what could be read" : "differences found: a deploy needs the code";
}

const signs: Readonly<Record<State, string>> = {
  ok: style.green("✓"),
  missing: style.red("✗"),
  differs: style.magenta("~"),
  stale: style.magenta("~"),
  "rolled back": style.magenta("~"),
  unread: style.magenta("?"),
};

function stateOf(
  { id, action, differences }: Pick<ChangeLine, "id" | "action" | "differences">,
  { stack, observed, unread }: { stack: WebSocketStack; observed: Observed; unread: Unread },
): State {
  const { Description } = observed.get(stack.alias)?.attributes ?? {};
  // What would be served otherwise may not be readable.
  const isLed = action === "update" || unread.has(stack.release);
  if (id === stack.alias.id && isLed && isRollback(Description)) return "rolled back";
  if (action === "none") return "ok";
  if (action === "create") return "missing";
  // A deployment is a snapshot: one that does not match the routes of today is not wrong, the stage that
  // serves it is stale.
  const isBehind = differences.some(({ path }) => path === "DeploymentId");
  return id === stack.deployment.id || (id === stack.stage.id && isBehind) ? "stale" : "differs";
}

/**
 * Own code that was not named, and whether it was changed by hand since it was released; null where the
 * function has none.
 */
function ownUnnamed(
  { lambdaFunction, release }: WebSocketStack,
  observed: Observed,
): (OwnUnnamed & { isChanged: boolean }) | null {
  const found = observed.get(lambdaFunction);
  const own = ownIn(found);
  if (!own) return null;
  const { Content: released } = (observed.get(release)?.properties ?? {}) as { Content?: string };
  const { Content: latest = "" } = found?.attributes ?? {};
  return { ...own, isChanged: released !== undefined && isCodeChanged(released, latest) };
}

/**
 * The steps that make what is missing and set what differs; all where the function itself is to be made, as
 * it needs the backend's address.
 */
function fixingSteps(changes: readonly Change[], { lambdaFunction }: WebSocketStack): readonly Step[] {
  const wrong = changes.filter(({ action }) => action !== "none");
  const isToBeCreated = wrong.some(
    ({ resource, action }) => resource === lambdaFunction && action === "create",
  );
  return isToBeCreated ? allSteps : stepsThatFix(wrong);
}
