import { exitCodes } from "../errors/codes.ts";
import { checkBackendUrl, openStack } from "../cli/context.ts";
import { partsOf, scopeOf } from "../stack/steps.ts";
import { describeChanges, renderChanges, type ChangeLine, stackOptions } from "./changes.ts";
import type { Command } from "../cli/command.ts";
import { planned } from "./deploy.ts";

interface PlanResult {
  changed: boolean;
  resources: ChangeLine[];
}

export const command: Command<PlanResult> = {
  options: ["backendUrl", "only", "codeOnly", "exitCode", "allowHttp", ...stackOptions],
  examples: [
    { line: "plan --backend-url https://api.example.com", does: "what a deploy would create or change" },
    {
      line: "plan --exit-code --backend-url https://api.example.com",
      does: "exit code 3 when it would change something, for CI",
    },
  ],

  async run(settings, context) {
    const parts = partsOf(settings);
    if (!parts || settings.backendUrl) checkBackendUrl(settings, context);
    const resources = describeChanges(
      await planned(await openStack(settings, context), parts),
      scopeOf(parts),
    );
    return { changed: resources.some(({ action }) => action !== "none"), resources };
  },

  render: ({ changed, resources }) => (changed ? renderChanges(resources, "would") : "no changes"),
  exitCode: ({ changed }, { exitCode }) => (changed && exitCode ? exitCodes.different : exitCodes.done),
};
