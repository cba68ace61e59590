import { codeFor, isOwnCode } from "../code/code.ts";
import type { Command } from "../cli/command.ts";
import { exitCodes } from "../errors/codes.ts";
import { checkBackendUrl, checkVariables, keepBackend } from "../resources/config.ts";
import { planStack, type DeployOutcome } from "../stack/deploy.ts";
import { placeText, renderChanges } from "../terminal/changes.ts";

type PlanResult = Omit<DeployOutcome, "code">;

export const command: Command<"plan", PlanResult> = {
  async run({ only, codeOnly, allowHttp, ...options }, context) {
    const isPartial = only !== undefined || codeOnly;
    if (options.backendUrl) checkBackendUrl({ ...options, allowHttp }, context.report);
    if (!isPartial) checkVariables(options);
    const open = await context.stack({ ...options, only }, await codeFor(options, context));
    const { code: _code, ...planned } = await planStack(open, { only, codeOnly });
    const keepsBackend = !isPartial && !options.backendUrl && !isOwnCode(options);
    if (keepsBackend && isWhole(planned.resources))
      keepBackend(planned.backendUrl, { ...options, allowHttp }, context.report);
    return planned;
  },

  render({ changed, resources, ...place }) {
    const same = isWhole(resources) ? "no changes" : "no changes in what could be read";
    return [placeText(place), changed ? renderChanges(resources, "would") : same].join("\n");
  },
  exitCode({ changed, resources }, { exitCode }) {
    if (!isWhole(resources)) return exitCodes.failed;
    return changed && exitCode ? exitCodes.different : exitCodes.done;
  },
};

const isWhole = (resources: PlanResult["resources"]): boolean =>
  resources.every(({ unread }) => unread === null);
