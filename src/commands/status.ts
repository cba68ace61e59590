import { exitCodes } from "../errors/codes.ts";
import { observe, plan, type Change } from "../stack/engine.ts";
import { openStack } from "../cli/context.ts";
import { stepsThatFix } from "../stack/steps.ts";
import type { Step } from "../settings/table.ts";
import type { WebSocketStack } from "../resources/stack.ts";
import { describeChanges, shownValues, webSocketUrl, type ChangeLine, stackOptions } from "./changes.ts";
import type { Command } from "../cli/command.ts";
import { table, type Row } from "../terminal/format.ts";

/**
 * How one resource stands: there, absent, not as it should be, or (the stage) serving the routes of an older
 * deployment.
 */
type State = "ok" | "missing" | "differs" | "stale";

interface StatusResult {
  region: string;
  account: string;
  deployed: boolean;
  upToDate: boolean;
  url: string | null;
  /**
   * The steps that mend it, where the function holds the backend's address; null where the whole stack is to
   * be deployed, or nothing.
   */
  steps: Step[] | null;
  resources: (Omit<ChangeLine, "action" | "lookedAt"> & { standing: State })[];
}

export const command: Command<StatusResult> = {
  options: ["backendUrl", ...stackOptions],
  examples: [
    {
      line: "status",
      does: "what is there, what differs, whether the stage is stale, and the URL; exit code 3 unless all is well",
    },
  ],

  async run(settings, context) {
    const { stack, walk } = await openStack(settings, context);
    const observed = await observe(stack, walk.aws).finally(walk.aws.close);
    const changes = plan(stack, observed);
    const resources = describeChanges(changes).map(({ action, lookedAt: _everything, ...line }) => ({
      ...line,
      standing: stateOf(line.id, action, stack),
    }));
    return {
      region: walk.aws.region,
      account: observed.get(stack.account)?.attributes.Account ?? "",
      deployed: resources.every(({ standing }) => standing !== "missing"),
      upToDate: resources.every(({ standing }) => standing === "ok"),
      url: webSocketUrl(stack, changes),
      steps: fixingSteps(changes),
      resources,
    };
  },

  render({ region, account, deployed, upToDate, url, steps: mending, resources }, { backendUrl }) {
    const rows = resources.flatMap(({ id, name, standing, differences }): Row[] => [
      [`${signs[standing]} ${id}`, name, standing === "ok" ? "" : standing],
      ...differences.map((difference) => {
        const { from, to } = shownValues(difference);
        return `${difference.path}: ${from}, should be ${to}`;
      }),
    ]);
    // A whole deploy must be told the backend's address; the steps beside the function leave it as it is.
    const deploy = `shelfshack-ws deploy${mending && backendUrl === undefined ? ` --only ${mending.join(",")}` : ""}`;
    const verdict = upToDate
      ? "everything is as it should be"
      : deployed
        ? `something differs; mend it with: ${deploy}`
        : `not (completely) deployed; run: ${deploy}`;
    return [`account ${account}, region ${region}`, table(rows), "", ...(url ? [url] : []), verdict].join(
      "\n",
    );
  },

  exitCode: ({ upToDate }) => (upToDate ? exitCodes.done : exitCodes.different),
};

const signs: Readonly<Record<State, string>> = { ok: "✓", missing: "✗", differs: "~", stale: "~" };

function stateOf(id: string, action: Change["action"], stack: WebSocketStack): State {
  if (action === "none") return "ok";
  if (action === "create") return "missing";
  // A deployment is a snapshot: one that does not match the routes of today is not wrong, the stage that
  // serves it is stale.
  return id === stack.stage.id || id === stack.deployment.id ? "stale" : "differs";
}

/**
 * The steps that make what is missing and set what differs; null where nothing does, or where the function
 * itself is to be made.
 */
function fixingSteps(changes: readonly Change[]): Step[] | null {
  const wrong = changes.filter(({ action }) => action !== "none");
  if (
    wrong.length === 0 ||
    wrong.some(({ resource, action }) => resource.id === "Function" && action === "create")
  )
    return null;
  return stepsThatFix(wrong);
}
