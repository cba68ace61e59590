import { startDemoBackend } from "../backend/demo.ts";
import { startFastApiExample } from "../backend/fastapi.ts";
import { addressOf } from "../client/address.ts";
import { openSession, type Frame, type Session } from "../client/session.ts";
import { CliError } from "../errors/error.ts";
import { startLocalAws } from "../local/server.ts";
import type { Settings } from "../settings/table.ts";
import { newSigningKey } from "../contract/signature.ts";
import type { Command, Context } from "../cli/command.ts";
import { command as deployAndGoOn, outcome } from "./deploy.ts";
import { command as destroy } from "./destroy.ts";
import { command as logsTail } from "./logs-tail.ts";
import { command as test } from "./test.ts";

/**
 * A piece of the transcript: the heading of a step, a command as a user would type it, or what came out of
 * it.
 */
type TranscriptItem =
  | { kind: "step"; title: string }
  | { kind: "command"; line: string }
  | { kind: "output"; text: string };

interface DemoResult {
  /** Seconds for all of it. */
  seconds: number;
  /** What was sent by one client and arrived at the other. */
  delivered: { text: string; ms: number };
  secondDeployChanged: boolean;
  removed: number;
}

/** What the demo asks of a backend. */
interface DemoBackend {
  url: string;
  /** A token that it lets somebody of this name in with. */
  token(name: string): Promise<string>;
  close(): Promise<void>;
}

const backends: Readonly<
  Record<Settings["demoBackend"], (options: { signingKeys: readonly string[] }) => Promise<DemoBackend>>
> = {
  node: async (options) => ({ ...(await startDemoBackend(options)), token: async () => "demo" }),
  fastapi: startFastApiExample,
};

/**
 * The deploy without its advice on what to do next: here that comes by itself, and later there is nothing
 * left of it.
 */
const deploy = { ...deployAndGoOn, render: outcome };

/** Long enough to be seen, short enough for a demo; on AWS a role takes 5 to 15 s (AWS.md 6.4). */
const delays = { roleDelayMs: 2_000, createDelayMs: 500, updateDelayMs: 300 };
const ARRIVAL_MS = 10_000;

export const command: Command<DemoResult, TranscriptItem> = {
  options: ["demoBackend"],
  examples: [
    {
      line: "demo",
      does: "a local AWS, a demo backend, deploy, test, two clients talking, the log, and everything removed again",
    },
    {
      line: "demo --backend fastapi",
      does: "the same with the FastAPI example under uvicorn (pip install fastapi uvicorn)",
    },
  ],

  async run(settings, context) {
    const startedAt = performance.now();
    const signingKey = newSigningKey();
    await using local = disposable(await startLocalAws({ port: 0, ...delays }));
    await using backend = disposable(await backends[settings.demoBackend]({ signingKeys: [signingKey] }));
    context.emit({
      kind: "step",
      title: `A local AWS and a ${settings.demoBackend} backend, both on this machine`,
    });
    context.emit({ kind: "output", text: `local AWS     ${local.url}\ndemo backend  ${backend.url}` });

    const target: Settings = {
      ...settings,
      local: true,
      port: local.port,
      backendUrl: backend.url,
      variables: { SIGNING_KEYS: signingKey },
      booking: "1",
      token: await backend.token("Demo"),
      yes: true,
    };
    const result = await walkThrough(target, backend, context).catch((error: unknown) => {
      // How to go on with a step that was interrupted is of no use: nothing of the demo is left.
      context.signal.throwIfAborted();
      throw error;
    });
    return { seconds: Math.round((performance.now() - startedAt) / 100) / 10, ...result };
  },

  line: transcript,
  render: ({ seconds }) =>
    `\nAll of that ran on this machine in ${seconds} s, and nothing of it is left.\nOn AWS: shelfshack-ws deploy --backend-url https://api.example.com`,
};

/** Every step of setting it up by hand, each as the command that does it. */
async function walkThrough(
  settings: Settings,
  backend: DemoBackend,
  context: Context<TranscriptItem>,
): Promise<Omit<DemoResult, "seconds">> {
  const { emit } = context;
  const tell = (text: string | undefined) => {
    if (text) emit({ kind: "output", text });
  };
  const run = async <Result, Item>(
    line: string,
    what: Command<Result, Item>,
    overrides: Partial<Settings> = {},
  ): Promise<Result> => {
    context.signal.throwIfAborted();
    const chosen = { ...settings, ...overrides };
    emit({ kind: "command", line });
    const result = await what.run(chosen, { ...context, emit: (item) => tell(what.line?.(item)) });
    tell(what.render(result, chosen));
    return result;
  };

  emit({
    kind: "step",
    title: "Deploy: zip, role, policy, log group, API, routes, stage, function, permission",
  });
  const { url } = await run(`deploy --local --backend-url ${settings.backendUrl}`, deploy, { test: false });
  if (!url) throw new CliError("not-deployed", "the deploy gave no address");

  emit({ kind: "step", title: "Invoke the function with the test event" });
  await run("test --local --booking 1", test);

  emit({ kind: "step", title: "Two people in booking 1, each with a real WebSocket" });
  const delivered = await talk(url, backend, context);

  emit({ kind: "step", title: "What the function says" });
  await run("logs tail --local --no-follow", logsTail, { follow: false });

  emit({ kind: "step", title: "Deploy again: nothing has changed" });
  const second = await run(`deploy --local --backend-url ${settings.backendUrl}`, deploy, { test: false });

  emit({ kind: "step", title: "Remove everything" });
  const { removed } = await run("destroy --local --yes", destroy);
  return { delivered, secondDeployChanged: second.changed, removed: removed.length };
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

function transcript(item: TranscriptItem): string | undefined {
  if (item.kind === "step") return `\n── ${item.title}`;
  if (item.kind === "command") return `$ shelfshack-ws ${item.line}`;
  return item.text.replaceAll(/^(?=.)/gm, "  ");
}
