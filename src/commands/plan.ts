import { packageFor } from "../artifact/zip.ts";
import type { Command } from "../cli/command.ts";
import { exitCodes } from "../errors/codes.ts";
import { checkBackendUrl } from "../resources/config.ts";
import { planStack, type DeployOutcome } from "../stack/deploy.ts";
import { renderChanges } from "../terminal/changes.ts";

type PlanResult = Pick<DeployOutcome, "changed" | "resources">;

export const command: Command<"plan", PlanResult> = {
  async run({ only, codeOnly, allowHttp, ...options }, context) {
    const isPartial = only !== undefined || codeOnly;
    if (!isPartial || options.backendUrl) checkBackendUrl({ ...options, allowHttp }, context.report);
    const open = await context.stack({ ...options, only }, await packageFor(options));
    const { changed, resources } = await planStack(open, { only, codeOnly });
    return { changed, resources };
  },

  render({ changed, resources }) {
    if (changed) return renderChanges(resources, "would");
    return isWhole(resources) ? "no changes" : "no changes in what could be read";
  },
  exitCode({ changed, resources }, { exitCode }) {
    if (!isWhole(resources)) return exitCodes.failed;
    return changed && exitCode ? exitCodes.different : exitCodes.done;
  },
};

const isWhole = (resources: PlanResult["resources"]): boolean =>
  resources.every(({ unread }) => unread === null);
