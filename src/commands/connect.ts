import { addressOf, type Subscription } from "../client/address.ts";
import { exchange } from "../client/conversation.ts";
import type { Conversation } from "../client/conversation.ts";
import type { Delivery, DeliveryOptions } from "../client/delivery.ts";
import { expectation, expectations } from "../client/expectation.ts";
import type { Expectation, ExpectationResult } from "../client/expectation.ts";
import { explainClose } from "../client/frames.ts";
import { HandshakeError } from "../client/handshake.ts";
import { openAs, requestOf, type Opening } from "../client/opener.ts";
import type { LastingSession } from "../client/lasting.ts";
import type { PhaseTimes } from "../client/phases.ts";
import type { Played } from "../client/play.ts";
import type { Step } from "../client/script.ts";
import type { Frame, Session } from "../client/session.ts";
import { typesWithToken } from "../contract/envelope.ts";
import { command as invocation } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { exitCodes, type ExitCode } from "../errors/codes.ts";
import { stateHome } from "../files/state-home.ts";
import { routeTo } from "../network/route.ts";
import type { Report } from "../progress.ts";
import { environment } from "../settings/environment.ts";
import type { OptionsOf } from "../settings/commands.ts";
import type { Settings } from "../settings/table.ts";
import { redactUrl } from "../settings/redact.ts";
import { signer, stageUrl } from "../aws/stage-url.ts";
import { checked, piped, scriptedInput, type Input } from "../terminal/input.ts";
import type { terminalInput } from "../terminal/interactive.ts";
import { asMessage } from "../terminal/messages.ts";
import { duration } from "../terminal/format.ts";
import {
  ending,
  expectationLines,
  explained,
  frameLine,
  framePlain,
  phasesText,
  type ExplainedFrame,
} from "../terminal/conversation.ts";
import { deliveryText, failureLines, playedText, stepTitle } from "../terminal/played.ts";
import { refusedBy } from "../verify/refused-by.ts";
import type { Command } from "../cli/command.ts";
import { nothing, typing } from "../cli/next.ts";
import type { Context } from "../cli/context.ts";

/** What every way to use this command tells: the URL, with secrets masked. */
interface Connected<Mode> {
  mode: Mode;
  url: string;
}

/** One client that sends and receives. */
interface Talk extends Connected<"talk"> {
  openMs: number;
  /** What `openMs` is made of, in milliseconds. */
  phases: PhaseTimes;
  /** From the opening to the first frame that was received. */
  firstFrameMs?: number;
  /** The one that the server chose; null where none was offered. */
  subprotocol: string | null;
  interactive: boolean;
  ended: Conversation["ended"];
  sent: number;
  received: number;
  sentAll: boolean;
  /** Messages of `--keepalive`, which are not among `sent`; their answers are among `received`. */
  keptAlive?: number;
  /** Whether anything was expected at all. */
  checked: boolean;
  expectations: ExpectationResult[];
  close: Conversation["close"] & { meaning?: string };
}

/** A handshake that is to be refused; `status` is 101 where it was accepted. */
interface Refused extends Connected<"refusal"> {
  status: number;
  expectedStatus: number;
}

/** One client that sends and others that receive. */
interface Shared extends Connected<"clients">, Delivery {}

/** A script; `failed` says in words which step was not met, and why. */
interface Scripted extends Connected<"script"> {
  steps: Played[];
  total: number;
  failed?: string[];
}

type ConnectResult = Talk | Refused | Shared | Scripted;
type Frames = Context<ExplainedFrame>;

/** How long API Gateway may take for a handshake: its integrations end after 29 s (AWS.md 1.12). */
const HANDSHAKE_MS = 30_000;
/** How long is waited for what is expected when no `--timeout` says so. */
const EXPECTING_MS = 10_000;
/** How long a script that expects nothing listens after its last frame when no `--timeout` says so. */
const QUIET_MS = 2_000;
/** As long as a timer can be: until Ctrl-C. */
const ENDLESS_MS = 2 ** 31 - 1;

export const command: Command<"connect", ConnectResult, ExplainedFrame> = {
  async run(
    {
      booking,
      token: given,
      tokenStdin,
      type,
      url,
      header,
      subprotocol,
      origin,
      send,
      expect,
      expectStatus,
      clients,
      script,
      scriptEnv,
      reconnect,
      sign,
      proxy,
      timeoutSeconds,
      keepalive,
      functionName,
      apiName,
      stage,
      ...at
    },
    context,
  ) {
    // Before anything is opened: a mistake in them must not cost a connection.
    refuseContradictions({ send, expect, expectStatus, clients, script, scriptEnv, reconnect, keepalive });
    const expected = (expect ?? []).map((source) => expectation(source));
    // Before a person is asked for a token that no stage would get.
    const base = url ?? (await stageUrl(context.aws(at), { functionName, apiName, stage }));
    // Behind an address that was given no contract is known, and a script's clients have tokens of their own.
    const isNeeded = url === undefined && script === undefined && typesWithToken.includes(type);
    const token = await context.token({ token: given, tokenStdin }, isNeeded);
    const subscription = { booking, type, token };
    const steps =
      script === undefined
        ? undefined
        : await stepsIn(script, { allowed: scriptEnv, defaults: subscription });
    const opening: Opening = {
      base,
      source: url !== undefined ? "given" : at.local ? "local" : "deployed",
      request: requestOf({ header, subprotocol, origin }),
      sign: sign ? await signer(context.aws(at)) : undefined,
      timeoutMs: timeoutSeconds === undefined ? HANDSHAKE_MS : timeoutSeconds * 1000,
      keepaliveMs: keepalive && keepalive * 1000,
      signal: context.signal,
      report: context.report,
    };
    const address = addressOf(opening.base, subscription);
    opening.route = await routeTo(address, proxy);
    const request = { subscription, steps, expectStatus, clients, send, expected, timeoutSeconds, reconnect };
    try {
      return { ...(await inMode(request, opening, context)), url: redactUrl(address.href) };
    } catch (error) {
      throw await refusedBy(error, { url, functionName }, () => context.aws(at));
    }
  },

  render: (result) => rendering[result.mode](result as never),
  line: frameLine,
  plain: framePlain,
  untilInterrupted: true,
  exitCode: (result) => exitCodeOf[result.mode](result as never),
  next: (result, { url }) =>
    exitCodeOf[result.mode](result as never) === exitCodes.done
      ? nothing("the path works, and what comes next is said over it")
      : url === undefined
        ? typing(invocation("doctor"))
        : nothing("the server at an address that was given is not known"),
};

interface Request extends TalkOptions, Pick<Settings, "expectStatus" | "clients"> {
  subscription: Subscription;
  steps: readonly Step[] | undefined;
}

/** A result without what `Connected` adds. */
type Part<R> = R extends unknown ? Omit<R, "url"> : never;

async function inMode(request: Request, opening: Opening, context: Frames): Promise<Part<ConnectResult>> {
  const { subscription, steps, expectStatus, clients, send, expected, timeoutSeconds } = request;
  if (steps) return { mode: "script", ...(await playScript(steps, opening, context)) };
  if (expectStatus !== undefined)
    return { mode: "refusal", ...(await refusal(expectStatus, opening, subscription)) };
  if (clients === undefined)
    return { mode: "talk", ...(await talk(request, opening, subscription, context)) };
  const [text = ""] = send ?? [];
  const withinMs = timeoutSeconds === undefined ? EXPECTING_MS : timeoutSeconds * 1000;
  const message = { clients, text, expected, withinMs };
  return { mode: "clients", ...(await share(message, opening, subscription, context)) };
}

type ByMode<T> = { [M in ConnectResult["mode"]]: (result: Extract<ConnectResult, { mode: M }>) => T };

const rendering: ByMode<string> = {
  talk: (result) =>
    [ending(result), ...result.expectations.map(expectationLines), ...unchecked(result)].join("\n"),
  refusal: ({ status, expectedStatus }) => {
    const found =
      status === 101 ? "the handshake was accepted" : `the handshake was refused with HTTP ${status}`;
    return `${found}${status === expectedStatus ? ", as expected" : `; expected HTTP ${expectedStatus}`}`;
  },
  clients: deliveryText,
  script: playedText,
};

const exitCodeOf: ByMode<ExitCode> = {
  talk({ expectations: results, ended, sentAll, close, interactive }) {
    if (results.some(({ met }) => !met)) return exitCodes.different;
    if (ended === "frame-broken") return exitCodes.failed;
    const brokeOff =
      ended === "peer-closed" &&
      (!isPeaceful(close.code) || (!sentAll && !interactive && results.length === 0));
    return brokeOff ? exitCodes.failed : exitCodes.done;
  },
  refusal: ({ status, expectedStatus }) => (status === expectedStatus ? exitCodes.done : exitCodes.different),
  clients: ({ deliveries }) =>
    deliveries.some(({ ms }) => ms === null) ? exitCodes.different : exitCodes.done,
  script: ({ failed }) => (failed ? exitCodes.different : exitCodes.done),
};

/** What does not go together, in the words of the command line; the first that is given speaks. */
const contradictions: readonly {
  when(given: Partial<OptionsOf<"connect">>): unknown;
  message: string;
  hint: string;
}[] = [
  {
    when: ({ script, send, expect, expectStatus, clients, reconnect }) =>
      script !== undefined &&
      (send ?? expect ?? expectStatus ?? clients ?? (reconnect || undefined)) !== undefined,
    message: "--script goes with no --send, --expect, --expect-status, --clients or --reconnect",
    hint: "write them as steps of the script",
  },
  {
    when: ({ script, scriptEnv }) => script === undefined && scriptEnv !== undefined,
    message: "--script-env needs --script",
    hint: "leave it out, or name the script",
  },
  {
    when: ({ expectStatus, send, expect, clients, reconnect }) =>
      expectStatus !== undefined && (send ?? expect ?? clients ?? (reconnect || undefined)) !== undefined,
    message: "--expect-status goes with no --send, --expect, --clients or --reconnect",
    hint: "leave them out: a refused client sends and receives nothing",
  },
  {
    when: ({ clients, send }) => clients !== undefined && send?.length !== 1,
    message: "--clients needs one --send",
    hint: 'pass the message that the first client sends, such as --send \'{"body":"hi"}\'',
  },
  {
    when: ({ clients, reconnect, keepalive }) =>
      clients !== undefined && (reconnect || keepalive !== undefined),
    message: "--clients goes with no --reconnect or --keepalive",
    hint: "leave them out: it ends when the message was received",
  },
];

function refuseContradictions(given: Partial<OptionsOf<"connect">>): void {
  const found = contradictions.find(({ when }) => when(given));
  if (found) throw new CliError("options-contradict", found.message, { hint: found.hint });
}

interface TalkOptions extends Pick<Settings, "timeoutSeconds" | "reconnect"> {
  send: readonly string[] | undefined;
  expected: readonly Expectation[];
}

async function talk(
  { send, expected, timeoutSeconds, reconnect }: TalkOptions,
  opening: Opening,
  subscription: Subscription,
  context: Frames,
): Promise<Omit<Talk, "mode" | "url">> {
  const interactive = Boolean(context.stdin.isTTY) && !send && expected.length === 0;
  const messages = send ? send.map(asMessage) : context.stdin.isTTY ? [] : piped(await context.lines());
  const address = addressOf(opening.base, subscription);
  // Before there is a prompt, nothing is in the way of what is printed.
  const screen: Pick<Input, "above"> = { above: (print) => print() };
  const show = (frame: Frame) => screen.above(() => context.emit(explained(frame, opening.source)));
  const report: Report = (event) => screen.above(() => context.report(event));
  let keptAlive = 0;
  const onKeepalive = (frame: Frame) => {
    keptAlive += 1;
    show(frame);
  };
  const open = () => openAs({ ...opening, onKeepalive }, subscription);
  const ways = { ...context, report, whenLost: reconnect };
  const lasting = reconnect || interactive ? await lastingSession(open, ways) : undefined;
  const opened = lasting ?? (await open());
  const openedAt = performance.now();
  const { openMs, phases, subprotocol } = opened;
  context.report({
    kind: "note",
    message: `open in ${duration(openMs)}: ${redactUrl(address.href)} (${phasesText(phases)})`,
  });
  const { session, input } =
    interactive && lasting
      ? await typedInput(lasting, { ...context, secrets: secretsOf(opening, subscription) })
      : { session: opened, input: scriptedInput(messages) };
  screen.above = input.above;
  let firstFrameMs: number | undefined;
  const following = expectations(expected);
  try {
    const conversation = await exchange(session, {
      lines: checked(input.messages, (message) => report({ kind: "warning", message })),
      expected: following,
      ...limits({ timeoutSeconds, expected, interactive, reconnect }),
      onFrame: async (frame) => {
        if (frame.direction === "received") firstFrameMs ??= Math.round(performance.now() - openedAt);
        show(frame);
        await context.drained();
      },
      signal: context.signal,
    });
    return {
      openMs: Math.round(openMs),
      phases: rounded(phases),
      ...(firstFrameMs !== undefined && { firstFrameMs }),
      subprotocol,
      interactive,
      ...(opening.keepaliveMs !== undefined && { keptAlive }),
      ...resultOf(conversation, following.results(), address),
    };
  } finally {
    await input.close();
  }
}

/** What a person types, which also says with which code the session is closed; loaded for that alone. */
async function typedInput(
  lasting: LastingSession,
  terminal: Omit<Parameters<typeof terminalInput>[1], "home" | "closeWith">,
): Promise<{ session: Session; input: Input }> {
  const interactive = await import("../terminal/interactive.ts");
  let closeCode: number | undefined;
  const closeWith = (code: number) => (closeCode = code);
  const home = stateHome(environment);
  return {
    session: { ...lasting, close: (code = closeCode) => lasting.close(code) },
    input: await interactive.terminalInput(lasting, { ...terminal, home, closeWith }),
  };
}

/** What the client shows the server of itself. */
const secretsOf = ({ request }: Opening, { token }: Subscription): string[] => [
  ...(token === undefined ? [] : [token]),
  ...Object.values(request.headers ?? {}),
];

/** A session that can be renewed, and comes back when it is lost; what becomes of it is told. */
async function lastingSession(
  open: () => Promise<Session>,
  { whenLost, report, signal }: Pick<Frames, "report" | "signal"> & { whenLost: boolean },
): Promise<LastingSession> {
  const lasting = await import("../client/lasting.ts");
  return await lasting.lastingSession({
    open,
    whenLost,
    onLost: ({ code }, ms) =>
      report({ kind: "warning", message: `closed with ${code}; opening it again in ${duration(ms)}` }),
    onRefused: ({ message }, ms) =>
      report({ kind: "warning", message: `${message}; trying again in ${duration(ms)}` }),
    onBack: ({ openMs }) => report({ kind: "note", message: `open again in ${duration(openMs)}` }),
    signal,
  });
}

const rounded = (times: PhaseTimes): PhaseTimes =>
  Object.fromEntries(
    Object.entries(times).map(([part, ms]) => [part, Math.round(ms * 10) / 10]),
  ) as unknown as PhaseTimes;

async function refusal(expectedStatus: number, opening: Opening, subscription: Subscription) {
  try {
    const session = await openAs(opening, subscription);
    await session.close();
    return { status: 101, expectedStatus };
  } catch (error) {
    if (!(error instanceof HandshakeError) || error.failure.kind !== "status") throw error;
    return { status: error.failure.status, expectedStatus };
  }
}

async function share(
  message: Pick<DeliveryOptions, "clients" | "text" | "expected" | "withinMs">,
  opening: Opening,
  subscription: Subscription,
  { signal, emit, drained }: Frames,
): Promise<Delivery> {
  const { deliver } = await import("../client/delivery.ts");
  return await deliver({
    ...message,
    open: () => openAs(opening, subscription),
    onFrame: async (frame, client) => {
      emit({ ...explained(frame, opening.source), as: String(client) });
      await drained();
    },
    signal,
  });
}

async function stepsIn(
  file: string,
  { allowed = [], defaults }: { allowed: readonly string[] | undefined; defaults: Subscription },
): Promise<Step[]> {
  const { readScriptFile } = await import("../client/script.ts");
  return readScriptFile(file, { variables: environment, allowed, defaults });
}

async function playScript(
  steps: readonly Step[],
  opening: Opening,
  { signal, emit, drained, report }: Frames,
): Promise<Omit<Scripted, "mode" | "url">> {
  const { play } = await import("../client/play.ts");
  let failed: string[] | undefined;
  const run = await play(steps, {
    open: (subscription) => openAs(opening, subscription),
    onFrame: async (frame, as) => {
      emit({ ...explained(frame, opening.source), as });
      await drained();
    },
    onStep(step, { failure, ms }) {
      const title = stepTitle(step);
      if (failure) failed = [title, ...failureLines(failure, new URL(opening.base))];
      else report({ kind: "finished", id: title, title, outcome: "done", ms });
    },
    signal,
  });
  return { steps: run, total: steps.length, ...(failed && { failed }) };
}

function limits({
  timeoutSeconds,
  expected,
  interactive,
  reconnect,
}: Pick<TalkOptions, "timeoutSeconds" | "expected" | "reconnect"> & { interactive: boolean }): {
  limitMs?: number;
  quietMs?: number;
} {
  if (timeoutSeconds !== undefined) return { limitMs: timeoutSeconds * 1000 };
  if (interactive) return {};
  if (expected.length > 0) return { limitMs: EXPECTING_MS };
  return reconnect ? { limitMs: ENDLESS_MS } : { quietMs: QUIET_MS };
}

function resultOf({ close, ...counts }: Conversation, results: ExpectationResult[], address: URL) {
  const meaning = close.isOurs ? undefined : explainClose(close.code, address);
  return {
    ...counts,
    checked: results.length > 0,
    expectations: results,
    close: { ...close, ...(meaning ? { meaning } : {}) },
  };
}

/** Closed in peace: normally, by going away (API Gateway's limits), or without a code. */
const isPeaceful = (code: number) => [1000, 1001, 1005].includes(code);

const unchecked = ({ checked: isChecked, interactive, ended }: Talk): string[] =>
  isChecked || interactive || ended === "interrupted"
    ? []
    : [`no expectations given: add --expect '{"type":"ack"}' to check an answer`];
