import { readFile } from "node:fs/promises";
import { InvokeCommand } from "@aws-sdk/client-lambda";
import { CliError, exitCodes } from "../errors.ts";
import { readLine } from "../logs/record.ts";
import type { Settings } from "../settings.ts";
import { orMissing } from "../stack/resource.ts";
import { connectAws } from "../target.ts";
import type { Aws } from "../target.ts";
import { duration } from "../terminal/format.ts";
import { pipedLines, tokenFrom } from "../terminal/line.ts";
import { asRecord, continued } from "../terminal/record.ts";
import { style } from "../terminal/style.ts";
import type { Command } from "./command.ts";
import { levelWord } from "./logs-tail.ts";

/** How far the test event got; null where that cannot be known, or was never tried. */
interface Judgement {
  handlerRan: boolean;
  backendReached: boolean | null;
  backendAccepted: boolean | null;
  meaning: string;
}

export interface TestResult extends Judgement {
  functionName: string;
  connectionId: string | null;
  /** Whether the function returned the statusCode 200, and did not log that the backend refused. */
  passed: boolean;
  statusCode: number | null;
  /** What the function returned, or Lambda's description of its failure. */
  answer: unknown;
  ms: number;
  /** The end of the function's log of this invocation (4 KB). */
  log: string[];
  /** Whether the backend was told that the test connection is gone; null when it never had it. */
  forgotten: boolean | null;
}

export const command: Command<TestResult> = {
  options: ["booking", "token", "tokenStdin", "type", "event", "functionName", "stage"],
  examples: [
    {
      line: "test",
      does: "invokes the function with a made-up connection to booking 1, as step 7 of the README; exit code 3 unless it returns 200",
    },
    { line: "test --booking 7 --token-stdin < token.txt", does: "with a booking and a token that the backend knows" },
    { line: "test --event event.json", does: "with an event of one's own" },
  ],

  async run(settings, context) {
    const event = settings.event === undefined ? undefined : await eventFrom(settings.event);
    const token = settings.tokenStdin ? await tokenFrom(pipedLines(context.stdin)) : settings.token;
    const aws = await connectAws(settings, context);
    try {
      return await testFunction(aws, { ...settings, token, event }, context.signal);
    } finally {
      aws.close();
    }
  },

  render: renderTest,
  exitCode: ({ passed }) => (passed ? exitCodes.done : exitCodes.different),
};

type TestOptions = Pick<Settings, "functionName" | "stage" | "booking" | "token" | "type"> & { event?: WebSocketEvent | undefined };

/** An event of API Gateway, as far as this command looks into it. */
interface WebSocketEvent {
  requestContext?: { routeKey?: string; eventType?: string; connectionId?: string };
}

/**
 * Invokes the function with the README's test event (or another one), says how far it got, and then tells the backend that the connection, which
 * never existed, is gone. Throws a CliError when there is no such function.
 */
export async function testFunction(aws: Aws, options: TestOptions, signal: AbortSignal): Promise<TestResult> {
  const { functionName } = options;
  const event = options.event ?? testEvent(options, aws.region);
  const startedAt = performance.now();
  const outcome = await invoke(aws, functionName, event, signal);
  const ms = Math.round(performance.now() - startedAt);
  const judgement = judge(outcome);
  const { statusCode, answer, log } = outcome;
  const farewell = mayBeKnown(event, outcome) ? await invoke(aws, functionName, disconnectOf(event), signal) : undefined;
  return {
    functionName,
    connectionId: event.requestContext?.connectionId ?? null,
    passed: statusCode === 200 && judgement.backendAccepted === true,
    ...judgement,
    statusCode,
    answer,
    ms,
    log,
    forgotten: farewell ? farewell.statusCode === 200 : null,
  };
}

/** The test event of the README, step 7. */
function testEvent({ stage, booking = "1", token = "test-token", type }: TestOptions, region: string) {
  return {
    requestContext: {
      routeKey: "$connect",
      connectionId: "test-connection-123",
      domainName: `test.execute-api.${region}.amazonaws.com`,
      stage,
    },
    queryStringParameters: { booking_id: booking, token, type },
  };
}

async function eventFrom(file: string): Promise<WebSocketEvent> {
  const text = await readFile(file, "utf8");
  try {
    const event: unknown = JSON.parse(text);
    if (typeof event === "object" && event !== null) return event;
  } catch (cause) {
    throw new CliError(`${file} is not JSON: ${(cause as Error).message}`, { exitCode: exitCodes.usage, cause });
  }
  throw new CliError(`${file} holds no event`, { hint: 'an event is a JSON object with a "requestContext"', exitCode: exitCodes.usage });
}

interface Outcome {
  functionError: boolean;
  statusCode: number | null;
  answer: unknown;
  log: string[];
}

async function invoke(aws: Aws, functionName: string, event: object, abortSignal: AbortSignal): Promise<Outcome> {
  const call = new InvokeCommand({ FunctionName: functionName, LogType: "Tail", Payload: Buffer.from(JSON.stringify(event)) });
  const invoked = await orMissing(aws.lambda.send(call, { abortSignal }));
  if (!invoked) {
    throw new CliError(`there is no function ${functionName} in ${aws.region}`, { hint: "make it with: shelfshack-ws deploy" });
  }
  const answer = parsed(Buffer.from(invoked.Payload ?? []).toString());
  const log = Buffer.from(invoked.LogResult ?? "", "base64")
    .toString()
    .split("\n")
    .filter((line) => line.trim() !== "");
  return { functionError: invoked.FunctionError !== undefined, statusCode: statusCodeOf(answer), answer, log };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

/** The status that API Gateway would take the answer for; a numeric text counts (aws-behaviour 1.6). */
function statusCodeOf(answer: unknown): number | null {
  const status = String((answer as { statusCode?: unknown } | null)?.statusCode);
  return /^[1-5]\d\d$/.test(status) ? Number(status) : null;
}

/** Why a function did not end by itself, by Lambda's `errorType` and `errorMessage` (aws-behaviour 4.8); the first that fits. */
const functionErrors: readonly { error: RegExp; ran: boolean; meaning: string }[] = [
  {
    error: /^Runtime\.(ImportModule|UserCodeSyntax)Error|^Error: Cannot find (package|module)/,
    ran: false,
    meaning: "the handler's code cannot be loaded: shelfshack-ws deploy --code-only",
  },
  {
    error: /^Runtime\.(HandlerNotFound|MalformedHandlerName)/,
    ran: false,
    meaning: "the code has no function of the handler's name: shelfshack-ws deploy",
  },
  { error: /^Sandbox\.Timedout/, ran: true, meaning: "the handler did not end within the function's time limit" },
  { error: /^Runtime\.ExitError/, ran: false, meaning: "the function's process ended before it answered" },
  { error: /^Function\.ResponseSizeTooLarge/, ran: true, meaning: "the handler's answer is over 6 MB" },
  { error: /.*/, ran: true, meaning: "the handler threw an error" },
];

/** What the handler's own log line about the event tells (handler/log.ts); empty for other handlers. */
interface HandlerLine {
  backendStatus?: number;
  code?: string;
  reason?: string;
}

/** The handler's own checks, by the `code` in its log (contract.md 2). */
const checks: ReadonlyMap<string | undefined, string> = new Map([
  ["bad_type", "the type is not a plain word"],
  ["no_booking", "a booking's id is missing, pass --booking"],
  ["no_token", "a token is missing, pass --token-stdin"],
  ["malformed_event", "it is not an event of a WebSocket API"],
]);

const isGood = (status: number) => status >= 200 && status < 300;
const because = ({ reason }: HandlerLine) => (reason ? ` (${reason})` : "");

/** How far an event got, by the returned status and the handler's log line; the first row that fits (contract.md 2 and 3). */
const judgements: readonly {
  when: (status: number, line: HandlerLine) => boolean;
  reached: boolean | null;
  accepted: boolean | null;
  meaning: (status: number, line: HandlerLine) => string;
}[] = [
  {
    when: (_status, { code }) => checks.has(code),
    reached: null,
    accepted: null,
    meaning: (_status, { code }) => `the handler refused the event before it asked the backend: ${checks.get(code)}`,
  },
  {
    when: (status, { code }) => status === 200 && code === undefined,
    reached: true,
    accepted: true,
    meaning: () => "the backend accepted the event",
  },
  {
    when: (status, { code }) => isGood(status) && code === undefined,
    reached: true,
    accepted: true,
    meaning: (status) => `the backend accepted the event, but the function returned ${status} and not 200`,
  },
  {
    when: (status, { backendStatus }) => (isGood(status) || status === 502) && backendStatus !== undefined,
    reached: true,
    accepted: false,
    meaning: (_status, line) => `the backend answered ${line.backendStatus}, which is not an answer of the contract${because(line)}`,
  },
  {
    when: (status, { code }) => status === 504 || code === "backend_timeout",
    reached: null,
    accepted: null,
    meaning: () => "the backend did not answer in time: it is too slow, or something on the way drops the connection",
  },
  {
    when: (status) => isGood(status) || status === 502,
    reached: false,
    accepted: null,
    meaning: (_status, line) => `the backend could not be reached${because(line)}`,
  },
  { when: (status) => status === 500, reached: null, accepted: null, meaning: () => "the handler failed" },
  {
    when: (status) => status === 401,
    reached: true,
    accepted: false,
    meaning: () => "the backend rejected the token: pass one that it knows with --token-stdin",
  },
  { when: () => true, reached: true, accepted: false, meaning: (status) => `the backend refused the connection with ${status}` },
];

const events: ReadonlySet<unknown> = new Set(["connect", "message", "disconnect", "malformed"]);

function judge({ functionError, statusCode, answer, log }: Outcome): Judgement {
  if (functionError) return judgeFailure(answer);
  const line: HandlerLine = log.map((text) => readLine(text).fields ?? {}).findLast(({ event }) => events.has(event)) ?? {};
  const row = statusCode === null ? undefined : judgements.find(({ when }) => when(statusCode, line));
  return {
    handlerRan: true,
    backendReached: row?.reached ?? null,
    backendAccepted: row?.accepted ?? null,
    meaning:
      row && statusCode !== null ? row.meaning(statusCode, line) : "the handler ran, but API Gateway would not understand its answer",
  };
}

function judgeFailure(answer: unknown): Judgement {
  const { errorType = "", errorMessage = "" } = (answer ?? {}) as { errorType?: string; errorMessage?: string };
  const failure = [errorType, errorMessage].filter(Boolean).join(": ");
  const row = functionErrors.find(({ error }) => error.test(failure));
  return {
    handlerRan: row?.ran ?? true,
    backendReached: null,
    backendAccepted: null,
    meaning: `${row?.meaning} (${failure})`,
  };
}

/** Whether the backend may have taken the connection down: it was accepted, or the answer was lost. */
function mayBeKnown({ requestContext: { routeKey, eventType } = {} }: WebSocketEvent, { statusCode }: Outcome): boolean {
  return (routeKey === "$connect" || eventType === "CONNECT") && (statusCode === 200 || statusCode === 504);
}

function disconnectOf({ requestContext: { eventType, ...context } = {} }: WebSocketEvent): object {
  const type = eventType === undefined ? {} : { eventType: "DISCONNECT" };
  return {
    requestContext: { ...context, ...type, routeKey: "$disconnect", disconnectStatusCode: 1000, disconnectReason: "end of the test" },
  };
}

/** The result for people: the three hops, the answer, the log. */
export function renderTest(result: TestResult): string {
  const { handlerRan, backendReached, backendAccepted, meaning, answer, ms, log, forgotten } = result;
  const hops = [
    `${sign(handlerRan)} the handler ran`,
    `${sign(backendReached)} the backend was reached`,
    `${sign(backendAccepted)} the backend accepted`,
    `${continued(meaning)}, after ${duration(ms)}`,
  ];
  const left = forgotten === false ? ["the backend could not be told that the test connection is gone; it expires there by itself"] : [];
  return [...hops, ...left, `answer ${JSON.stringify(answer)}`, ...logLines(log)].join("\n");
}

const sign = (outcome: boolean | null) => (outcome === null ? style.yellow("?") : outcome ? style.green("✓") : style.red("✗"));

function logLines(log: readonly string[]): string[] {
  const readings = log.map(readLine).filter(({ origin }) => origin !== "start" && origin !== "end");
  return readings.length === 0
    ? []
    : [
        "log",
        ...readings.map(({ level, origin, text }) => asRecord(`  ${levelWord(level)}`, origin === "report" ? `report ${text}` : text)),
      ];
}
