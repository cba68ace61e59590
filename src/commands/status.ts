import { exitCodes } from "../errors.ts";
import { observe, plan, type Change } from "../stack/engine.ts";
import { openStack } from "../stack/open.ts";
import type { WebSocketStack } from "../stack/stack.ts";
import { describeChanges, shownValues, webSocketUrl, type ChangeLine, stackOptions } from "./changes.ts";
import type { Command } from "./command.ts";
import { table, type Row } from "../terminal/format.ts";

/** How one resource stands: there, absent, not as it should be, or (the stage) serving the routes of an older deployment. */
type Standing = "ok" | "missing" | "differs" | "stale";

interface StatusResult {
  region: string;
  account: string;
  deployed: boolean;
  upToDate: boolean;
  url: string | null;
  resources: (Omit<ChangeLine, "action" | "lookedAt"> & { standing: Standing })[];
}

export const command: Command<StatusResult> = {
  options: ["backendUrl", ...stackOptions],
  examples: [
    { line: "status", does: "what is there, what differs, whether the stage is stale, and the URL; exit code 3 unless all is well" },
  ],

  async run(settings, context) {
    const { stack, walk } = await openStack(settings, context);
    const observed = await observe(stack, walk.aws).finally(walk.aws.close);
    const changes = plan(stack, observed);
    const resources = describeChanges(changes).map(({ action, lookedAt: _everything, ...line }) => ({
      ...line,
      standing: standingOf(line.id, action, stack),
    }));
    return {
      region: walk.aws.region,
      account: observed.get(stack.account)?.attributes.Account ?? "",
      deployed: resources.every(({ standing }) => standing !== "missing"),
      upToDate: resources.every(({ standing }) => standing === "ok"),
      url: webSocketUrl(stack, changes),
      resources,
    };
  },

  render({ region, account, deployed, upToDate, url, resources }) {
    const rows = resources.flatMap(({ id, name, standing, differences }): Row[] => [
      [`${signs[standing]} ${id}`, name, standing === "ok" ? "" : standing],
      ...differences.map((difference) => {
        const { from, to } = shownValues(difference);
        return `${difference.path}: ${from}, should be ${to}`;
      }),
    ]);
    const verdict = upToDate
      ? "everything is as it should be"
      : deployed
        ? "something differs; mend it with: shelfshack-ws deploy"
        : "not (completely) deployed; run: shelfshack-ws deploy";
    return [`account ${account}, region ${region}`, table(rows), "", ...(url ? [url] : []), verdict].join("\n");
  },

  exitCode: ({ upToDate }) => (upToDate ? exitCodes.done : exitCodes.different),
};

const signs: Readonly<Record<Standing, string>> = { ok: "✓", missing: "✗", differs: "~", stale: "~" };

function standingOf(id: string, action: Change["action"], stack: WebSocketStack): Standing {
  if (action === "none") return "ok";
  if (action === "create") return "missing";
  // A deployment is a snapshot: one that does not match the routes of today is not wrong, the stage that serves it is stale.
  return id === stack.stage.id || id === stack.deployment.id ? "stale" : "differs";
}
