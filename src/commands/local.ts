import { startDemoBackend } from "../backend/demo.ts";
import { explain } from "../errors/explain.ts";
import { watchHandler } from "../artifact/watch.ts";
import { realisticDelays, startLocalAws } from "../local/server.ts";
import { recordOf, type LogRecord } from "../logs/record.ts";
import { deployedFunction } from "../aws/lambda-function.ts";
import { environment, settingTable, type Settings } from "../settings/table.ts";
import { newSigningKey } from "../contract/signature.ts";
import { connectAws } from "../aws/clients.ts";
import { withNpx } from "../cli/print-advice.ts";
import type { Command, Context } from "../cli/command.ts";
import { command as deploy } from "./deploy.ts";
import { command as logsTail } from "./logs-tail.ts";
import { signingKeysIn } from "../aws/signing-keys.ts";

/**
 * What the running local AWS says: that it is ready, a line of the function's log, or that the handler was
 * deployed again.
 */
type LocalItem =
  | {
      kind: "ready";
      port: number;
      endpointUrl: string;
      backendUrl: string;
      demoBackend: boolean;
      url: string | null;
    }
  | { kind: "log"; record: LogRecord }
  | { kind: "redeployed"; changed: boolean; sha256: string };

interface LocalResult {
  redeploys: number;
}

export const command: Command<LocalResult, LocalItem> = {
  options: ["port", "backendUrl", "stateFolder", "realistic"],
  examples: [
    {
      line: "local",
      does: "a local AWS at port 4566 with the stack deployed to it and a demo backend behind it, until Ctrl-C",
    },
    {
      line: "local --backend-url http://127.0.0.1:8000",
      does: "the same with your own backend; then, elsewhere: shelfshack-ws connect --local --booking 1 --token TOKEN",
    },
    { line: "local --port 0 --state .shelfshack", does: "any free port; what it holds is kept in a folder" },
  ],

  async run(settings, context) {
    const logged = (message: string, timestamp: number, stream: string) =>
      context.emit({ kind: "log", record: recordOf({ message, timestamp, stream }) });
    const local = await startLocalAws({
      port: settings.port,
      ...(settings.realistic ? realisticDelays : {}),
      ...(settings.stateFolder ? { stateFolder: settings.stateFolder } : {}),
      onLog: (entries) =>
        entries.forEach(({ message, timestamp, stream }) => logged(message, timestamp, stream)),
    });
    try {
      return await serve({ ...settings, local: true, port: local.port, test: false }, context, local.url);
    } finally {
      await local.close();
    }
  },

  line: spoken,
  render: () => "the local AWS has stopped",
  untilInterrupted: true,
};

function spoken(item: LocalItem): string | undefined {
  if (item.kind === "redeployed")
    return item.changed ? `the handler was deployed again (sha256 ${item.sha256})` : undefined;
  if (item.kind === "log") return logsTail.line?.(item.record);
  const place = item.port === settingTable.port.default ? "" : `SHELFSHACK_PORT=${item.port} `;
  const lines = [
    `local AWS  ${item.endpointUrl}`,
    `WebSocket  ${item.url}`,
    `backend    ${item.backendUrl}${item.demoBackend ? "  (a demo; your own: --backend-url)" : ""}`,
    // By way of a file: `export $(…)` of a command that fails is a bare `export`, which prints every variable
    // of the shell.
    ...(item.demoBackend
      ? []
      : [
          `its keys:  ${place}shelfshack-ws outputs --for backend --local > backend.env && set -a && . ./backend.env && set +a`,
        ]),
    "",
    `in another terminal: ${place}shelfshack-ws connect --local --booking 1 --token ${item.demoBackend ? "demo" : "TOKEN"}`,
    "the function's log follows; Ctrl-C stops everything",
    "",
  ];
  return withNpx(environment)(lines.join("\n"));
}

async function serve(
  settings: Settings,
  context: Context<LocalItem>,
  endpointUrl: string,
): Promise<LocalResult> {
  const keys = (await deployedKeys(settings, context)) ?? [newSigningKey()];
  const freshKeys = async () => (await deployedKeys(settings, context)) ?? keys;
  const demo = settings.backendUrl ? undefined : await startDemoBackend({ signingKeys: keys, freshKeys });
  const target: Settings = demo
    ? {
        ...settings,
        backendUrl: demo.url,
        variables: { ...settings.variables, SIGNING_KEYS: keys.join(",") },
      }
    : settings;
  const deployed: Context = { ...context, emit: () => {} };
  try {
    const { url } = await deploy.run(target, deployed);
    context.emit({
      kind: "ready",
      port: settings.port,
      endpointUrl,
      backendUrl: target.backendUrl ?? "",
      demoBackend: demo !== undefined,
      url,
    });
    return { redeploys: await redeployOnChange(target, context, deployed) };
  } finally {
    await demo?.close();
  }
}

/** The signing keys of the function, when there is one: kept by a state folder, or rotated meanwhile. */
async function deployedKeys(
  { functionName, ...settings }: Settings,
  context: Context,
): Promise<string[] | undefined> {
  const aws = await connectAws(settings, context);
  const { SIGNING_KEYS } = (await deployedFunction(aws, functionName).finally(aws.close))?.variables ?? {};
  return SIGNING_KEYS ? signingKeysIn(SIGNING_KEYS, `the function ${functionName}`) : undefined;
}

/**
 * Deploys the code again each time that the handler's source has changed; returns how often, when Ctrl-C has
 * ended it.
 */
async function redeployOnChange(
  settings: Settings,
  { report, signal, emit }: Context<LocalItem>,
  deployed: Context,
): Promise<number> {
  let redeploys = 0;
  const broken = (output: string) =>
    report({
      kind: "warning",
      message: `the handler cannot be built, the last one goes on running:\n${output.trim()}`,
    });
  for await (const _change of watchHandler(signal, broken)) {
    try {
      const { changed, code } = await deploy.run({ ...settings, codeOnly: true }, deployed);
      if (changed) redeploys++;
      emit({ kind: "redeployed", changed, sha256: code.sha256 });
    } catch (error) {
      if (signal.aborted) break;
      report({ kind: "warning", message: `the handler was not deployed again: ${explain(error).message}` });
    }
  }
  return redeploys;
}
