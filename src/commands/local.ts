import { once } from "node:events";
import { join } from "node:path";
import { startDemoBackend } from "../backend/demo.ts";
import { firstQuotas } from "../contract/quotas.ts";
import { backendKeys, command as invocation, joined, partsOf, type Advice } from "../errors/advice.ts";
import { explain } from "../errors/explain.ts";
import { watchHandler, watchOwn } from "../artifact/watch.ts";
import { recordOf, type LogRecord } from "../logs/record.ts";
import { newSigningKey } from "../contract/signature.ts";
import { prepareToZip, type Artifact } from "../artifact/zip.ts";
import { codeFor, codeToUpload, isOwnCode, placesOf, type CodeOptions } from "../code/code.ts";
import type { AccessKey } from "../files/local-key.ts";
import { hideCredentials } from "../files/own-environment.ts";
import { stateHome } from "../files/state-home.ts";
import type { LocalAws, LogEntry } from "../local/server.ts";
import type { Command } from "../cli/command.ts";
import { nothing, type NextStep } from "../cli/next.ts";
import type { Context } from "../cli/context.ts";
import { checkBackendUrl, checkVariables } from "../resources/config.ts";
import type { AwsOptions, OptionsOf, StackNames, StackProperties } from "../settings/commands.ts";
import { environment } from "../settings/environment.ts";
import { deployStack } from "../stack/deploy.ts";
import { recordLine } from "../terminal/log-line.ts";
import { whole } from "../terminal/style.ts";
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
      /** The page that shows what happens. */
      consoleUrl: string;
      /** The stage's URL at every other host that is allowed. */
      otherUrls: string[];
      /** Where API id, keys and the rest are kept for the next start. */
      stateFolder: string | null;
      /** What AWS calls must be signed with; null where this user's calls are taken with any credentials. */
      accessKey: AccessKey | null;
      /** What to type next: it ends at Ctrl-C, and says nothing then. */
      next: readonly NextStep[];
    }
  | LogRecord
  /** How many log records were left out because the output was not read. */
  | { kind: "omitted"; records: number }
  /** `recovered`: the one before could not be started. */
  | { kind: "redeployed"; changed: boolean; sha256: string; recovered: boolean };

const visibleVariables = "functions can see the variables that this program was started with";

interface LocalResult {
  redeploys: number;
}

export const command: Command<"local", LocalResult, LocalItem> = {
  async run(
    {
      port,
      listen,
      allowHosts = [],
      stateFolder,
      fresh,
      verifySignatures,
      realistic,
      quotas,
      allowHttp,
      open,
      ...options
    },
    context,
  ) {
    if (options.backendUrl) checkBackendUrl({ ...options, allowHttp }, context.report);
    checkVariables(options);
    if (!hideCredentials()) context.report({ kind: "debug", message: visibleVariables });
    const { accessKeyFor, realisticDelays, startLocalAws } = await import("../local/server.ts");
    const warn = (message: string) => context.report({ kind: "warning", message });
    const local = await startLocalAws({
      port,
      listen,
      allowHosts,
      onRefused: warn,
      accessKey: await accessKeyFor(stateHome(environment), { verifySignatures }),
      verifySignatures,
      ...(realistic ? realisticDelays : {}),
      ...(quotas ? { quotas: firstQuotas } : {}),
      fresh,
      ...(stateFolder ? { stateFolder } : await projectState(options, context)),
      packagesFrom: placesOf(options),
      onLog: logged(context),
    });
    if (local.isOpen)
      context.report({
        kind: "warning",
        message: openText(listen, local),
        hint: [
          "that access key is in the file that this writes: ",
          backendKeys({ local: true, port: local.port }),
        ],
      });
    const page = await openedConsole(local, context, open);
    let closed: Promise<void> | undefined;
    const close = () => (closed ??= page.close().then(() => local.close()));
    try {
      // The account that was named is one of AWS's.
      const here = { ...options, local: true, port: local.port, account: undefined };
      return await serve(here, context, { ...local, close, consoleUrl: page.url });
    } finally {
      await close();
    }
  },

  line: itemText,
  render: () => "the local AWS has stopped",
  next: () => nothing("it is told while it runs"),
  untilInterrupted: true,
  serves: true,
};

/** Those that `connect` and others read. */
const tokensIn = (variables: typeof environment): string[] =>
  Object.entries(variables).flatMap(([name, value = ""]) =>
    /^SHELFSHACK_\w*TOKEN$/.test(name) ? value : [],
  );

/** The console, opened in the browser where that is asked for. */
async function openedConsole(
  local: LocalAws,
  { report }: Context<LocalItem>,
  inBrowser: boolean,
): Promise<{ url: string; close(): Promise<void> }> {
  const [{ openConsole }, { openPage }] = await Promise.all([
    import("../console/serve.ts"),
    import("../console/open-page.ts"),
  ]);
  const note = (message: string) => report({ kind: "note", message });
  const page = openConsole({
    local,
    secrets: tokensIn(environment),
    onNextAddress: (url) => note(`the console for another page: ${url}`),
  });
  const opened = inBrowser ? await openPage(page.url) : undefined;
  if (opened?.isOpen === false) note(`no browser could be opened: open ${page.url}`);
  return {
    url: page.url,
    async close() {
      page.close();
      await opened?.close();
    },
  };
}

/**
 * Emits log lines while they are read. Others are only counted, as the functions do not wait for a reader;
 * how many is said when he is there again.
 */
function logged({ emit, isBehind, drained }: Context<LocalItem>): (entries: readonly LogEntry[]) => void {
  let records = 0;
  const tellOmitted = () => {
    emit({ kind: "omitted", records });
    records = 0;
  };
  return (entries) => {
    for (const entry of entries) {
      if (records === 0 && !isBehind()) emit(recordOf(entry));
      else if (++records === 1) void drained().then(tellOmitted);
    }
  };
}

/** What another address than loopback opens. */
const openText = (listen: string, { hosts }: LocalAws): string =>
  `listening at ${listen}: other machines can open WebSockets and, with its access key, ` +
  "make calls to AWS, all in plain text; " +
  (hosts.length > 0 ? `names: ${hosts.join(", ")}` : "no name is allowed yet: add --allow-host");

/**
 * The state of this project, unless it cannot be kept: then it says so and goes on. Each region has its own,
 * for a stack is in one region.
 */
async function projectState(
  { region }: Pick<AwsOptions, "region">,
  { projectState: folder, report }: Context<LocalItem>,
) {
  const { localRegion } = await import("../aws/clients.ts");
  const warn = (message: string) => report({ kind: "warning", message });
  if (folder !== undefined)
    return { stateFolder: join(folder, `local-${region ?? localRegion}`), onStateTrouble: warn };
  warn("this local AWS is not kept: there is no home folder, and XDG_STATE_HOME names none");
  return {};
}

function itemText(item: LocalItem): Advice | undefined {
  if (item.kind === "redeployed") return redeployText(item);
  if (item.kind === "log") return recordLine(item);
  if (item.kind === "omitted") return `${item.records} lines were left out: the output was not read`;
  return joined([
    `local AWS  ${item.endpointUrl}`,
    `WebSocket  ${item.url}`,
    `console    ${item.consoleUrl}`,
    ...item.otherUrls.map((url) => `also at    ${url}`),
    ...backendLine(item),
    ...(item.stateFolder === null
      ? []
      : [`kept in    ${item.stateFolder}  (its id and keys until destroyed; others: --fresh)`]),
    ...accessLines(item.accessKey),
    ...item.next.map(({ command }, index) => [
      index < item.next.length - 1 ? "its keys:  " : "\nin another terminal: ",
      ...partsOf(command),
    ]),
    "the function's log follows; Ctrl-C stops everything",
    "",
  ]);
}

/** Another backend gets its keys first, from a file: `export $(…)` of what fails prints all variables. */
function stepsOf({
  port,
  backendUrl,
  demoBackend,
}: Pick<LocalItem & { kind: "ready" }, "port" | "backendUrl" | "demoBackend">): NextStep[] {
  const here = { local: true, port };
  const keys = [backendKeys(here), whole(" && set -a && . ./backend.env && set +a")];
  const connect = invocation("connect", { booking: "1", token: demoBackend ? "demo" : "TOKEN", ...here });
  return [
    ...(demoBackend || backendUrl === ""
      ? []
      : [{ what: "to start the backend with its keys", command: keys }]),
    { what: "in another terminal", command: [connect] },
  ];
}

/** An own handler need not have a backend. */
const backendLine = ({ backendUrl, demoBackend }: LocalItem & { kind: "ready" }): string[] =>
  backendUrl === ""
    ? []
    : [`backend    ${backendUrl}${demoBackend ? "  (a demo; your own: --backend-url)" : ""}`];

function redeployText({ changed, recovered, sha256 }: LocalItem & { kind: "redeployed" }) {
  if (changed) return `the handler was deployed again (sha256 ${sha256})`;
  return recovered ? `the handler is the deployed one again (sha256 ${sha256})` : undefined;
}

/** Who is let in, which is not seen from outside. */
const accessLines = (key: AccessKey | null): string[] => [
  `open to    AWS calls ${key ? "with its key" : "of this user"}; WebSockets of every user`,
  ...(key
    ? [`its key    AWS_ACCESS_KEY_ID=${key.accessKeyId} AWS_SECRET_ACCESS_KEY=${key.secretAccessKey}`]
    : []),
];

/** What is deployed to it: the stack as the options have it, at the address of the local AWS. */
type Target = StackNames & StackProperties & CodeOptions;

async function serve(
  options: Target,
  context: Context<LocalItem>,
  local: LocalAws & { consoleUrl: string },
): Promise<LocalResult> {
  const keys = (await deployedKeys(options, context)) ?? [newSigningKey()];
  const freshKeys = async () => (await deployedKeys(options, context)) ?? keys;
  // The demo backend speaks the shipped handler's contract.
  const hasBackend = options.backendUrl !== undefined || isOwnCode(options);
  const demo = hasBackend ? undefined : await startDemoBackend({ signingKeys: keys, freshKeys });
  const target: Target = demo
    ? {
        ...options,
        backendUrl: demo.url,
        variables: { ...options.variables, SIGNING_KEYS: keys.join(",") },
      }
    : options;
  try {
    const open = await context.stack({ ...target, replaceCode: true }, await codeToUpload(target, context));
    const { url } = await deployStack(open).catch((error: unknown) => refusedBecause(error, context));
    const reached = {
      port: options.port,
      backendUrl: target.backendUrl ?? "",
      demoBackend: demo !== undefined,
    };
    context.emit({
      kind: "ready",
      ...reached,
      endpointUrl: local.url,
      url,
      consoleUrl: local.consoleUrl,
      otherUrls: url === null ? [] : local.hosts.map((host) => atHost(url, host)),
      stateFolder: local.stateFolder ?? null,
      accessKey: local.needsSignatures ? local.accessKey : null,
      next: stepsOf(reached),
    });
    return { redeploys: await redeployOnChange(target, context, local) };
  } finally {
    // The function tells its backend of every client that is closed now.
    await local.close();
    await demo?.close();
  }
}

/** What stands in the way may be of an earlier start. */
function refusedBecause(error: unknown, { report }: Context<LocalItem>): never {
  if (["not-ours", "several-of-ours"].includes(explain(error).code))
    report({ kind: "note", message: "local --fresh begins with an empty local AWS" });
  throw error;
}

function atHost(url: string, host: string): string {
  const { port, pathname } = new URL(url);
  return `ws://${host}:${port}${pathname}`;
}

/** The signing keys of the function, when there is one: kept by a state folder, or rotated meanwhile. */
async function deployedKeys(
  { functionName, ...options }: AwsOptions & Pick<OptionsOf<"local">, "functionName">,
  context: Context<LocalItem>,
): Promise<string[] | undefined> {
  const { deployedFunction } = await import("../aws/lambda-function.ts");
  const { variables = {} } = (await deployedFunction(await context.aws(options), functionName)) ?? {};
  const { SIGNING_KEYS } = variables;
  return SIGNING_KEYS ? signingKeysIn(SIGNING_KEYS, `the function ${functionName}`) : undefined;
}

/**
 * Deploys the code again each time that the built handler has changed and can be started; returns how often,
 * when Ctrl-C has ended it.
 */
async function redeployOnChange(
  target: Target,
  context: Context<LocalItem>,
  local: Pick<LocalAws, "tryOut">,
): Promise<number> {
  const { report, signal, emit } = context;
  const warn = (message: string) => report({ kind: "warning", message });
  const broken = (output: string) =>
    warn(`the handler's build failed, the previous one keeps running:\n${output.trim()}`);
  let redeploys = 0;
  /** Why the last one that there was is not deployed. */
  let refused: string | undefined;
  const deployChanged = async () => {
    const artifact = await codeFor(target, context);
    const fault = await faultOf(artifact, { target, context, local });
    if (fault !== undefined && fault !== refused && !signal.aborted)
      warn(`the handler has changed and does not start, the previous one keeps running: ${fault}`);
    const recovered = refused !== undefined;
    refused = fault;
    if (fault !== undefined) return;
    const { changed, code } = await deployStack(await context.stack(target, artifact), { codeOnly: true });
    if (changed) redeploys++;
    emit({ kind: "redeployed", changed, sha256: code.sha256, recovered });
  };
  const unlessAborted = (what: string) => (error: unknown) => {
    if (!signal.aborted) warn(`${what}: ${explain(error).message}`);
  };
  try {
    await prepareToZip();
    const changes = isOwnCode(target) ? watchOwn(target, signal) : watchHandler(signal, broken);
    for await (const _change of changes)
      await deployChanged().catch(unlessAborted("the handler was not deployed again"));
  } catch (error) {
    unlessAborted("the handler is not watched any more; start again to deploy another one")(error);
  }
  if (!signal.aborted) await once(signal, "abort");
  return redeploys;
}

/** Why the function does not start with this code: such as half a file. */
async function faultOf(
  { zip }: Artifact,
  {
    target,
    context,
    local,
  }: { target: Target; context: Context<LocalItem>; local: Pick<LocalAws, "tryOut"> },
): Promise<string | undefined> {
  const { region } = await context.aws(target);
  return await local.tryOut({ region, name: target.functionName, zip });
}
