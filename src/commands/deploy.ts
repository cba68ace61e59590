import { packageFor } from "../artifact/zip.ts";
import type { Command } from "../cli/command.ts";
import type { Invocation } from "../errors/advice.ts";
import { exitCodes } from "../errors/codes.ts";
import { checkBackendUrl, checkVariables } from "../resources/config.ts";
import { deployStack, planStack, type DeployOutcome } from "../stack/deploy.ts";
import { deploymentText, placeText } from "../terminal/changes.ts";
import { nextAfter, smokeTest, worksAsDeployed, type SmokeTest } from "../verify/round-trip.ts";

/** `changed`: whether anything in AWS was changed (with `--dry-run`: would be). */
interface DeployResult extends DeployOutcome {
  dryRun: boolean;
  /** The front end's variable. */
  frontend: { VITE_WS_API_ENDPOINT: string } | null;
  /** How the smoke test ended; null where there was none: nothing changed, or it was not wanted. */
  test: SmokeTest | null;
  /** What to do now; null where there is no stage yet, or nothing was done. */
  next: Invocation | null;
}

export const command: Command<"deploy", DeployResult> = {
  async run(
    { only, codeOnly, dryRun, test, allowHttp, booking, type, token: given, tokenStdin, ...options },
    context,
  ) {
    const isPartial = only !== undefined || codeOnly;
    if (!isPartial || options.backendUrl) checkBackendUrl({ ...options, allowHttp }, context.report);
    if (!isPartial) checkVariables(options);
    const isTested = test && !dryRun && !only;
    // Asked for first: a person should not wait for a deploy to be asked at its end.
    const token = isTested ? await context.token({ token: given, tokenStdin }) : given;
    const open = await context.stack({ ...options, only }, await packageFor(options));
    const limits = { only, codeOnly };
    const deployment = dryRun
      ? await planStack(open, limits)
      : await deployStack(open, limits, (_planned, place) =>
          context.report({ kind: "note", message: placeText(place) }),
        );
    const { changed, url } = deployment;
    const client = { ...options, booking, type, token };
    const tested = isTested && changed && url !== null ? await smokeTest(url, client, open.run) : null;
    return {
      ...deployment,
      dryRun,
      frontend: url === null ? null : { VITE_WS_API_ENDPOINT: url },
      test: tested,
      next: url === null || dryRun ? null : nextAfter(tested, { booking, token: given, tokenStdin }),
    };
  },

  exitCode: ({ test }) => (test && !worksAsDeployed(test) ? exitCodes.different : exitCodes.done),

  summary: (result, { only }) => deploymentText(result, { ...result, only }),

  render(result, { only }) {
    const text = deploymentText(result, { ...result, only });
    return result.next === null ? text : [`${text}\n\nnext: `, result.next];
  },
};
