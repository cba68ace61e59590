import { codeFor, isOwnCode } from "../code/code.ts";
import type { Command } from "../cli/command.ts";
import { tellAlso } from "../cli/also-served.ts";
import { deployOf, nothing, typing } from "../cli/next.ts";
import { command as invocation, joined, type Advice } from "../errors/advice.ts";
import { exitCodes, type ErrorCode } from "../errors/codes.ts";
import { checkBackendUrl, checkVariables, keepBackend } from "../resources/config.ts";
import { planStack, type DeployOutcome } from "../stack/deploy.ts";
import { placeText, renderChanges } from "../terminal/changes.ts";
import { continued } from "../terminal/record.ts";

interface PlanResult extends Omit<DeployOutcome, "code"> {
  /** Why a deploy would be refused, as where another tool manages the stack; null where it would not. */
  refused: { code: ErrorCode; message: string; hint: Advice | null } | null;
}

export const command: Command<"plan", PlanResult> = {
  async run({ only, codeOnly, adopt, replaceCode, allowHttp, ...options }, context) {
    const isPartial = only !== undefined || codeOnly;
    if (options.backendUrl) checkBackendUrl({ ...options, allowHttp }, context.report);
    if (!isPartial) checkVariables(options);
    const described = { ...options, only, adopt, replaceCode };
    const open = await context.stack(described, await codeFor(options, context));
    const { outcome, refusal, also } = await planStack(open, { only, codeOnly });
    if (also) tellAlso(also, context, "a deploy would also serve");
    const { code: _code, ...planned } = outcome;
    if (refusal) {
      const { code, message, hint = null } = refusal;
      return { ...planned, refused: { code, message, hint } };
    }
    const keepsBackend = !isPartial && !options.backendUrl && !isOwnCode(options);
    if (keepsBackend && isWhole(planned.resources))
      keepBackend(planned.backendUrl, { ...options, allowHttp }, context.report);
    return { ...planned, refused: null };
  },

  render({ changed, resources, refused, backendUrl: _none, ...place }) {
    const same = isWhole(resources) ? "no changes" : "no changes in what could be read";
    return joined([
      placeText(place),
      changed ? renderChanges(resources, "would") : same,
      ...(refused
        ? ["", `a deploy is refused: ${continued(refused.message)}`, refused.hint ?? undefined]
        : []),
    ]);
  },

  next({ changed, refused, backendUrl }, { only, codeOnly, adopt, replaceCode }) {
    if (refused) return nothing("what a refused deploy needs is said with the refusal");
    const limits = { only, codeOnly, adopt, replaceCode };
    return typing(changed ? deployOf(backendUrl, limits) : invocation("doctor"));
  },

  exitCode({ changed, resources, refused }, { exitCode }) {
    if (!isWhole(resources)) return exitCodes.failed;
    if (refused) return exitCodes.refused;
    return changed && exitCode ? exitCodes.different : exitCodes.done;
  },
};

const isWhole = (resources: PlanResult["resources"]): boolean =>
  resources.every(({ unread }) => unread === null);
