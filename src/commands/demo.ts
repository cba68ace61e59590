import { startDemoBackend } from "../backend/demo.ts";
import { startFastApiExample } from "../backend/fastapi.ts";
import { addressOf } from "../client/address.ts";
import { openSession, type Frame, type Session } from "../client/session.ts";
import { command as invocation, partsOf, type Advice } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { hideCredentials } from "../files/own-environment.ts";
import { stateHome } from "../files/state-home.ts";
import { environment } from "../settings/environment.ts";
import { defaultSettings, type Settings } from "../settings/table.ts";
import { newSigningKey } from "../contract/signature.ts";
import { packageHandler } from "../artifact/zip.ts";
import type { Command } from "../cli/command.ts";
import { typing } from "../cli/next.ts";
import type { Context } from "../cli/context.ts";
import type { StackNames, StackProperties } from "../settings/commands.ts";
import { deployStack, destroyStack } from "../stack/deploy.ts";
import { deploymentText, placeText, removalText } from "../terminal/changes.ts";
import { duration, screenWidth } from "../terminal/format.ts";
import { recordLine, tailText } from "../terminal/log-line.ts";
import { whole } from "../terminal/style.ts";
import { testText } from "../terminal/tested.ts";
import type { LogRecord } from "../logs/record.ts";

/**
 * A piece of the transcript: the heading of a step, a command as a user would type it, or what came out of
 * it.
 */
type TranscriptItem =
  | { kind: "step"; title: string }
  | { kind: "command"; line: string }
  | { kind: "output"; text: Advice };

interface DemoResult {
  /** For all of it. */
  ms: number;
  /** What was sent by one client and arrived at the other. */
  delivered: { text: string; ms: number };
  secondDeployChanged: boolean;
  removed: number;
}

/** What the demo asks of a backend. */
interface DemoBackend {
  url: string;
  /** A token that it accepts for a client of this name. */
  token(name: string): Promise<string>;
  close(): Promise<void>;
}

const backends: Readonly<
  Record<Settings["demoBackend"], (options: { signingKeys: readonly string[] }) => Promise<DemoBackend>>
> = {
  node: async (options) => ({ ...(await startDemoBackend(options)), token: async () => "demo" }),
  fastapi: startFastApiExample,
};

/** Long enough to be seen, short enough for a demo; on AWS a role takes 5 to 15 s (AWS.md 6.4). */
const delays = { roleDelayMs: 800, createDelayMs: 300, updateDelayMs: 200 };
const ARRIVAL_MS = 10_000;

export const command: Command<"demo", DemoResult, TranscriptItem> = {
  async run({ demoBackend }, context) {
    hideCredentials();
    const startedAt = performance.now();
    const signingKey = newSigningKey();
    const { accessKeyFor, startLocalAws } = await import("../local/server.ts");
    const accessKey = await accessKeyFor(stateHome(environment), { verifySignatures: false });
    await using local = disposable(await startLocalAws({ port: 0, accessKey, ...delays }));
    await using backend = disposable(await backends[demoBackend]({ signingKeys: [signingKey] }));
    context.emit({
      kind: "step",
      title: `A local AWS and a ${demoBackend} backend, both on this machine`,
    });
    context.emit({ kind: "output", text: `local AWS     ${local.url}\ndemo backend  ${backend.url}` });

    const target = {
      ...defaultSettings(),
      local: true,
      port: local.port,
      backendUrl: backend.url,
      variables: { SIGNING_KEYS: signingKey },
    };
    const result = await walkThrough(target, backend, context).catch((error: unknown) => {
      // How to continue an interrupted step is of no use: nothing of the demo is left.
      context.signal.throwIfAborted();
      throw error;
    });
    return { ms: Math.round(performance.now() - startedAt), ...result };
  },

  line: transcript,
  render: ({ ms }) => `\nAll of that ran on this machine in ${duration(ms)}, and everything was removed.`,
  next: () => typing(invocation("deploy", { backendUrl: "https://api.example.com" }), "on AWS"),
};

/** The stack of the demo, with the defaults for its names, whatever the config says. */
type Target = StackNames & StackProperties;

/** Every step of setting it up by hand, each as the command that does it. */
async function walkThrough(
  target: Target,
  backend: DemoBackend,
  context: Context<TranscriptItem>,
): Promise<Omit<DemoResult, "ms">> {
  const { emit } = context;
  const step = (title: string) => emit({ kind: "step", title });
  const open = await context.stack(target, await packageHandler());
  const deploy = async () => {
    const deployed = await asTyped(`deploy --local --backend-url ${target.backendUrl}`, context, () =>
      deployStack(open),
    );
    emitText(
      [`${placeText(deployed)}\n`, ...deploymentText(deployed, { localPort: target.port, width: room() })],
      context,
    );
    return deployed;
  };

  step("Deploy: zip, role, policy, log group, API, routes, stage, function, permission");
  const { url } = await deploy();
  if (!url) throw new CliError("not-deployed", "deploy returned no URL");

  step("Invoke the function with the test event");
  await invoke(target, backend, context);

  step("Two people in booking 1, each with a real WebSocket");
  const delivered = await talk(url, backend, context);

  step("What the function logs");
  await readLog(target, context);

  step("Deploy again: nothing has changed");
  const second = await deploy();

  step("Remove everything");
  const removal = await asTyped("destroy --local --yes", context, () => destroyStack(open));
  emitText(removalText(removal, { width: room() }), context);
  return { delivered, secondDeployChanged: second.changed, removed: removal.removed.length };
}

/** Runs what a command does, behind the command as a user would type it. */
async function asTyped<T>(
  line: string,
  { signal, emit }: Context<TranscriptItem>,
  work: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  emit({ kind: "command", line });
  return await work();
}

function emitText(text: Advice | undefined, { emit }: Context<TranscriptItem>): void {
  if (text) emit({ kind: "output", text });
}

async function invoke(
  { functionName, stage, ...target }: Target,
  backend: DemoBackend,
  context: Context<TranscriptItem>,
): Promise<void> {
  const client = { booking: "1", type: "booking", token: await backend.token("Demo") };
  const aws = await context.aws(target);
  const { testResult } = await import("../verify/test-result.ts");
  const result = await asTyped("test --local --booking 1", context, () =>
    testResult(aws, { functionName, stage, ...client, owner: "shipped" }, context.signal),
  );
  emitText(testText(result, room()), context);
}

async function readLog(target: Target, context: Context<TranscriptItem>): Promise<void> {
  const aws = await context.aws(target);
  const follow = false;
  const emit = (record: LogRecord) => emitText(recordLine(record, room()), context);
  const { tailLog } = await import("../logs/tail.ts");
  const result = await asTyped("logs tail --local --no-follow", context, () =>
    tailLog(aws, { ...target, errors: false, follow }, { ...context, emit }),
  );
  emitText(tailText(result, follow), context);
}

/** Ann and Ben connect to the same booking; what Ann says must arrive at Ben. */
async function talk(
  url: string,
  backend: DemoBackend,
  { emit, signal }: Context<TranscriptItem>,
): Promise<DemoResult["delivered"]> {
  const join = async (name: string): Promise<Session> => {
    const session = await openSession(
      addressOf(`${url}?name=${name}`, { booking: "1", type: "booking", token: await backend.token(name) }),
      {
        timeoutMs: ARRIVAL_MS,
        signal,
      },
    );
    emit({ kind: "output", text: `${name} is connected, after ${Math.round(session.openMs)} ms` });
    return session;
  };
  const ann = await join("Ann");
  const ben = await join("Ben");
  try {
    const text = JSON.stringify({ body: "Hello Ben, is the cabin still free?" });
    emit({ kind: "output", text: `Ann → ${text}` });
    const sentAt = performance.now();
    await ann.send(text);
    const frame = await arrival(ben, "is the cabin still free?");
    const ms = Math.round(performance.now() - sentAt);
    emit({ kind: "output", text: `Ben ← ${frame.text}   ${ms} ms later` });
    return { text: frame.text ?? "", ms };
  } finally {
    await Promise.all([ann.close(), ben.close()]);
  }
}

/** The first frame that holds the words. Throws a CliError when it does not come in time. */
async function arrival(session: Session, words: string): Promise<Frame> {
  const late = AbortSignal.timeout(ARRIVAL_MS);
  const closing = () => void session.close();
  late.addEventListener("abort", closing);
  try {
    for await (const frame of session.frames) if (frame.text?.includes(words)) return frame;
  } finally {
    late.removeEventListener("abort", closing);
  }
  throw new CliError(
    "delivery-missing",
    `the other client did not get the message within ${ARRIVAL_MS / 1000} s`,
  );
}

/** Closed at the end of the block that holds it, however that ends. */
const disposable = <T extends { close(): Promise<void> }>(thing: T): T & AsyncDisposable =>
  Object.assign(thing, { [Symbol.asyncDispose]: () => thing.close() });

/** In front of what a step has to say. */
const INDENT = "  ";
/** What is left beside that: columns are laid out in it, or the screen would break their lines again. */
const room = (): number => screenWidth() - INDENT.length;

function transcript(item: TranscriptItem): Advice {
  if (item.kind === "step") return `\n── ${item.title}`;
  if (item.kind === "command") return whole(`$ shelfshack-ws ${item.line}`);
  const parts = partsOf(item.text);
  // A line may begin with the next part.
  const lineEnds = (at: number) => (at === parts.length - 1 ? /\n(?=.)/g : /\n(?=.|$)/g);
  return [
    INDENT,
    ...parts.map((part, at) =>
      typeof part === "string" ? part.replaceAll(lineEnds(at), `\n${INDENT}`) : part,
    ),
  ];
}
