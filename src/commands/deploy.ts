import { exitCodes } from "../errors/codes.ts";
import { deploy, observe, plan, type Change, type Scope } from "../stack/engine.ts";
import { checkBackendUrl, openStack, type OpenStack } from "../cli/context.ts";
import { partsOf, refuseMissingNeeds, scopeOf } from "../stack/steps.ts";
import type { Settings } from "../settings/table.ts";
import { tokenOf } from "../terminal/line.ts";
import { describeChanges, renderChanges, webSocketUrl, type ChangeLine, stackOptions } from "./changes.ts";
import type { Command } from "../cli/command.ts";
import { nextAfter, smokeTest, renderProof, worksAsDeployed, type SmokeTest } from "../verify/round-trip.ts";

interface DeployResult {
  /** Whether anything in AWS was changed (with `--dry-run`: would be). */
  changed: boolean;
  dryRun: boolean;
  code: { bytes: number; sha256: string };
  resources: ChangeLine[];
  url: string | null;
  /** The front end's variable. */
  frontend: { VITE_WS_API_ENDPOINT: string } | null;
  /** How the path was proven; null when it was not, because nothing changed or nobody wanted it. */
  test: SmokeTest | null;
}

export const command: Command<DeployResult> = {
  options: [
    "backendUrl",
    "only",
    "codeOnly",
    "dryRun",
    "test",
    "token",
    "tokenStdin",
    "booking",
    "type",
    "allowHttp",
    ...stackOptions,
  ],
  examples: [
    {
      line: "deploy --backend-url https://api.example.com",
      does: "makes AWS match: everything that is missing or differs, in parallel",
    },
    { line: "deploy --code-only", does: "uploads the handler and changes nothing else" },
    { line: "deploy --only api,integration,routes,stage", does: "runs these steps alone" },
    { line: "deploy --dry-run", does: "says what it would do" },
  ],

  async run(settings, context) {
    const parts = partsOf(settings);
    if (!parts || settings.backendUrl) checkBackendUrl(settings, context);
    const mayBeProven = settings.test && !settings.dryRun && !settings.only;
    // Asked for before anything is made: nobody waits for a deploy to be asked at its end.
    const token = mayBeProven && settings.tokenStdin ? await tokenOf(context.stdin) : settings.token;
    const opened = await openStack(settings, context);
    try {
      const result = resultOf(opened, settings, await changesOf(opened, settings, parts), scopeOf(parts));
      if (!mayBeProven || !result.changed || !result.url) return result;
      return { ...result, test: await smokeTest(result.url, { ...settings, token }, opened.walk) };
    } finally {
      opened.walk.aws.close();
    }
  },

  exitCode: ({ test }) => (test && !worksAsDeployed(test) ? exitCodes.different : exitCodes.done),

  summary: outcome,

  render: (result, settings) =>
    [
      outcome(result, settings),
      ...(result.url && !result.dryRun ? ["", `next: ${nextAfter(result.test, settings)}`] : []),
    ].join("\n"),
};

/** What was done and where it is, for people. */
export function outcome(
  { changed, dryRun, resources, code, url, frontend, test }: DeployResult,
  { only }: Settings,
): string {
  const what = changed
    ? renderChanges(resources, dryRun ? "would" : "did")
    : only
      ? "no changes"
      : `no changes; code up to date (sha256 ${code.sha256})`;
  const proof = test ? ["", ...renderProof(test)] : [];
  const where =
    url && frontend
      ? [
          "",
          url,
          "",
          "for the front end's environment:",
          `  VITE_WS_API_ENDPOINT=${frontend.VITE_WS_API_ENDPOINT}`,
        ]
      : [];
  return [what, ...proof, ...where].join("\n");
}

async function changesOf(opened: OpenStack, { dryRun }: Settings, parts: Parts): Promise<Change[]> {
  if (dryRun) return await planned(opened, parts);
  const { stack, walk } = opened;
  if (parts) refuseMissingNeeds(stack, await observe(stack, walk.aws), parts);
  return await deploy(stack, walk, scopeOf(parts));
}

/**
 * What a deploy of these parts (of everything without any) would do; writes nothing and closes the
 * connections.
 */
export async function planned({ stack, walk }: OpenStack, parts: Parts): Promise<Change[]> {
  try {
    const observed = await observe(stack, walk.aws);
    refuseMissingNeeds(stack, observed, parts);
    return plan(stack, observed, scopeOf(parts));
  } finally {
    walk.aws.close();
  }
}

type Parts = ReturnType<typeof partsOf>;

function resultOf(
  { stack, zip }: OpenStack,
  { dryRun }: Settings,
  changes: readonly Change[],
  scope: Scope | undefined,
): DeployResult {
  const resources = describeChanges(changes, scope);
  const url = webSocketUrl(stack, changes);
  return {
    changed: resources.some(({ action }) => action !== "none"),
    dryRun,
    code: zip,
    resources,
    url,
    frontend: url ? { VITE_WS_API_ENDPOINT: url } : null,
    test: null,
  };
}
