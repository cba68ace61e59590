import { LONGEST_URL, addressOf } from "../client/address.ts";
import { exchange } from "../client/conversation.ts";
import type { Conversation } from "../client/conversation.ts";
import { expectation, expectations } from "../client/expectation.ts";
import type { Expectation, ExpectationResult } from "../client/expectation.ts";
import { explainClose } from "../client/frames.ts";
import type { Source } from "../client/handshake.ts";
import { LONGEST_MESSAGE, openSession } from "../client/session.ts";
import type { Frame, UpgradeRequest } from "../client/session.ts";
import { typesWithToken } from "../contract/envelope.ts";
import { command as invocation } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { exitCodes } from "../errors/codes.ts";
import type { Settings } from "../settings/table.ts";
import { redactUrl } from "../settings/redact.ts";
import type { Aws } from "../aws/clients.ts";
import { typedMessages } from "../terminal/line.ts";
import { asMessage, messageJoiner, type Message } from "../terminal/messages.ts";
import { duration } from "../terminal/format.ts";
import {
  ending,
  expectationLines,
  explained,
  frameLine,
  framePlain,
  type ExplainedFrame,
} from "../terminal/conversation.ts";
import type { Command } from "../cli/command.ts";
import type { Context } from "../cli/context.ts";

interface ConnectResult {
  /** With secrets masked. */
  url: string;
  openMs: number;
  /** The one that the server chose; null where none was offered. */
  subprotocol: string | null;
  interactive: boolean;
  ended: Conversation["ended"];
  sent: number;
  received: number;
  sentAll: boolean;
  /** Whether anything was expected at all. */
  checked: boolean;
  expectations: ExpectationResult[];
  close: Conversation["close"] & { meaning?: string };
}

/** How long API Gateway may take for a handshake: its integrations end after 29 s (AWS.md 1.12). */
const HANDSHAKE_MS = 30_000;
/** How long a script waits for what it expects when no `--timeout` says so. */
const EXPECTING_MS = 10_000;
/** How long a script that expects nothing listens after its last frame when no `--timeout` says so. */
const QUIET_MS = 2_000;

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
      timeoutSeconds,
      keepalive,
      functionName,
      apiName,
      stage,
      ...options
    },
    context,
  ) {
    // Before anything is opened: a mistake in them must not cost a connection.
    const expected = (expect ?? []).map(expectation);
    const isTTY = Boolean(context.stdin.isTTY);
    // Behind an address that was given no contract is known.
    const isNeeded = url === undefined && typesWithToken.includes(type);
    const token = await context.token({ token: given, tokenStdin }, isNeeded);
    const base = url ?? (await stageUrl(await context.aws(options), { functionName, apiName, stage }));
    const address = addressOf(base, { booking, type, token });
    const interactive = isTTY && !send && expected.length === 0;
    const messages = send ? send.map(asMessage) : isTTY ? [] : piped(context.lines());
    const source = url !== undefined ? "given" : options.local ? "local" : "deployed";
    return await connect(
      {
        address,
        source,
        request: upgradeRequest({ header, subprotocol, origin }),
        expected,
        interactive,
        messages,
        timeoutSeconds,
        keepalive,
      },
      context,
    );
  },

  render: (result) =>
    [ending(result), ...result.expectations.map(expectationLines), ...unchecked(result)].join("\n"),
  line: frameLine,
  plain: framePlain,
  untilInterrupted: true,

  exitCode({ expectations: results, ended, sentAll, close, interactive }) {
    if (results.some(({ met }) => !met)) return exitCodes.different;
    if (ended === "frame-broken") return exitCodes.failed;
    const brokeOff =
      ended === "peer-closed" &&
      (!isPeaceful(close.code) || (!sentAll && !interactive && results.length === 0));
    return brokeOff ? exitCodes.failed : exitCodes.done;
  },
};

interface ConnectOptions extends Pick<Settings, "timeoutSeconds" | "keepalive"> {
  address: URL;
  source: Source;
  request: UpgradeRequest;
  expected: readonly Expectation[];
  /** Whether a person types what is sent; otherwise it is `messages`. */
  interactive: boolean;
  messages: Iterable<Message> | AsyncIterable<Message>;
}

/** The headers by name; one that is given twice has both values. */
function upgradeRequest({
  header = [],
  subprotocol = [],
  origin,
}: Pick<Settings, "header" | "subprotocol" | "origin">): UpgradeRequest {
  const headers: Record<string, string> = {};
  for (const line of header) {
    const [name = "", value = ""] = line.split(/:(.*)/s).map((part) => part.trim());
    const present = Object.keys(headers).find((one) => one.toLowerCase() === name.toLowerCase()) ?? name;
    headers[present] = present in headers ? `${headers[present]}, ${value}` : value;
  }
  return { headers, subprotocols: subprotocol, ...(origin === undefined ? {} : { origin }) };
}

async function connect(options: ConnectOptions, context: Context<ExplainedFrame>): Promise<ConnectResult> {
  const { address, source, interactive, timeoutSeconds } = options;
  if (address.href.length > LONGEST_URL)
    context.report({
      kind: "warning",
      message: `the URL has ${address.href.length} characters; API Gateway takes ${LONGEST_URL}`,
    });
  let show = (frame: Frame) => context.emit(explained(frame, source));
  const session = await openSession(address, {
    timeoutMs: timeoutSeconds === undefined ? HANDSHAKE_MS : timeoutSeconds * 1000,
    request: options.request,
    signal: context.signal,
    source,
    keepaliveMs: options.keepalive && options.keepalive * 1000,
    onKeepalive: (frame) => show(frame),
  });
  context.report({
    kind: "note",
    message: `open in ${duration(session.openMs)}: ${redactUrl(address.href)}`,
  });
  const input = interactive ? terminalInput(context) : scriptedInput(options.messages);
  show = (frame) => input.above(() => context.emit(explained(frame, source)));
  const following = expectations(options.expected);
  try {
    const conversation = await exchange(session, {
      lines: checked(input.messages, (message) =>
        input.above(() => context.report({ kind: "warning", message })),
      ),
      expected: following,
      ...limits(options),
      onFrame: async (frame) => {
        show(frame);
        await context.drained();
      },
      signal: context.signal,
    });
    return {
      url: redactUrl(address.href),
      openMs: Math.round(session.openMs),
      subprotocol: session.subprotocol,
      interactive,
      ...resultOf(conversation, following.results(), address),
    };
  } finally {
    input.close();
  }
}

/** Where the messages to send come from, and how something is printed meanwhile. */
interface Input {
  messages: ConnectOptions["messages"];
  above: (print: () => void) => void;
  close: () => void;
}

function terminalInput({ stdin, stdout, report }: Context<ExplainedFrame>): Input {
  report({ kind: "note", message: "type a message and press Enter; Ctrl-D closes" });
  const input = typedMessages(stdin, stdout);
  const messages = async function* () {
    yield* input.messages;
    if (input.isOpen()) report({ kind: "warning", message: "the last message was not sent: it has no end" });
  };
  return { ...input, messages: messages() };
}

const scriptedInput = (messages: ConnectOptions["messages"]): Input => ({
  messages,
  above: (print) => print(),
  close: () => {},
});

async function* piped(lines: AsyncIterable<string>): AsyncGenerator<Message> {
  const joiner = messageJoiner();
  for await (const line of lines) yield* joiner.add(line);
  yield* joiner.end();
}

/** Messages on their way out, with a warning before one that is not what it seems, or too long. */
async function* checked(
  messages: ConnectOptions["messages"],
  warn: (message: string) => void,
): AsyncGenerator<string> {
  for await (const { text, fault } of messages) {
    const bytes = Buffer.byteLength(text);
    if (fault !== undefined) warn(faults[fault]);
    if (bytes > LONGEST_MESSAGE)
      warn(
        `this message has ${bytes} bytes; API Gateway closes the connection (1009) over ${LONGEST_MESSAGE}`,
      );
    yield text;
  }
}

const faults: Readonly<Record<NonNullable<Message["fault"]>, string>> = {
  unfinished: "this message is JSON without its end; it is sent as it is",
  broken: "this message begins like JSON and is no valid JSON; it is sent as it is",
};

function limits({ timeoutSeconds, expected, interactive }: ConnectOptions): {
  limitMs?: number;
  quietMs?: number;
} {
  if (timeoutSeconds !== undefined) return { limitMs: timeoutSeconds * 1000 };
  if (interactive) return {};
  return expected.length > 0 ? { limitMs: EXPECTING_MS } : { quietMs: QUIET_MS };
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

/**
 * The deployed stage's `wss://` URL: our API of that name, or the only one of it, ours or not. Throws a
 * CliError when there is none, or (exit 4) when it is not clear which.
 */
async function stageUrl(
  aws: Aws,
  names: Pick<Settings, "functionName" | "apiName" | "stage">,
): Promise<string> {
  const { deployedApi } = await import("../aws/deployed.ts");
  const found = await deployedApi(aws, names);
  if (found) return `${found.ApiEndpoint}/${names.stage}`;
  throw new CliError("not-deployed", `there is no API named ${names.apiName} in ${aws.region}`, {
    hint: ["deploy it: ", invocation("deploy"), "; or pass the address with --url wss://…"],
  });
}

const unchecked = ({ checked, interactive, ended }: ConnectResult): string[] =>
  checked || interactive || ended === "interrupted"
    ? []
    : [`no expectations given: add --expect '{"type":"ack"}' to check an answer`];
