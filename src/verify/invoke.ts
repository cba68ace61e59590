import { orDenied } from "../aws/answers.ts";
import { jsonIn } from "../contract/json.ts";
import { TEST_CONNECTION } from "../contract/trace.ts";
import { probeBackend, type BackendProbe } from "./backend/ask-once.ts";
import { subjectOf } from "./backend/subject.ts";
import { CliError } from "../errors/error.ts";
import { deployedFunction, functionMissing } from "../aws/lambda-function.ts";
import type { Settings } from "../settings/table.ts";
import type { Aws } from "../aws/clients.ts";
import type { CodeOwner } from "../aws/tags.ts";
import { diagnose, type Diagnosis, type FindingCode, type Outcome } from "./judge.ts";
import { askedOf } from "../aws/served.ts";
import { signingKeysIn } from "../aws/signing-keys.ts";

/** What became of the test event. */
export interface Tested extends Diagnosis {
  functionName: string;
  connectionId: string | null;
  /**
   * Whether the function returned the statusCode 200, and the shipped handler did not log that the backend
   * refused.
   */
  passed: boolean;
  statusCode: number | null;
  /** What the function returned, or Lambda's description of its failure. */
  answer: unknown;
  ms: number;
  /** The end of the function's log of this invocation (4 KB). */
  log: string[];
  /** Whether the backend was told that the test connection is gone; null when it never had it. */
  disconnected: boolean | null;
}

/** The token of the test event where none was given. */
export const MADE_UP_TOKEN = "test-token";

export type TestOptions = Pick<Settings, "functionName" | "stage" | "booking" | "token" | "type"> & {
  event?: WebSocketEvent | undefined;
  owner: CodeOwner;
  /** The release that is asked; what serves without any. */
  release?: string | undefined;
};

/** An event of API Gateway, as far as this command looks into it. */
export interface WebSocketEvent {
  requestContext?: { routeKey?: string; eventType?: string; connectionId?: string };
}

/**
 * Invokes the function with the test event (or another one), says how far it got, and then tells the backend
 * that the connection, which never existed, is gone. Throws a CliError when there is no such function.
 */
export async function testFunction(aws: Aws, options: TestOptions, signal: AbortSignal): Promise<Tested> {
  const { functionName, owner } = options;
  const event = options.event ?? testEvent(options, aws.region);
  const startedAt = performance.now();
  const asked = { functionName, release: options.release };
  const outcome = await invoke(aws, asked, event, signal);
  const ms = Math.round(performance.now() - startedAt);
  const madeUpToken = !options.event && options.token === undefined;
  const first = diagnose({ ...outcome, madeUpToken, owner });
  const diagnosis = toldByBackend.has(first.code)
    ? diagnose({ ...outcome, madeUpToken, owner, probe: await probeFromHere(aws, options, signal) })
    : first;
  const { statusCode, answer, log } = outcome;
  const disconnected = mayBeKnown(event, outcome)
    ? await invoke(aws, asked, disconnectOf(event), signal)
    : undefined;
  return {
    functionName,
    connectionId: event.requestContext?.connectionId ?? null,
    passed: statusCode === 200 && (owner === "own" || diagnosis.backendAccepted === true),
    ...diagnosis,
    statusCode,
    answer,
    ms,
    log,
    disconnected: disconnected ? disconnected.statusCode === 200 : null,
  };
}

/** A client of booking 1 that connects, unless the options say otherwise. */
function testEvent({ stage, booking = "1", token = MADE_UP_TOKEN, type }: TestOptions, region: string) {
  return {
    requestContext: {
      routeKey: "$connect",
      connectionId: TEST_CONNECTION,
      domainName: `test.execute-api.${region}.amazonaws.com`,
      stage,
    },
    queryStringParameters: { booking_id: booking, token, type },
  };
}

/** What leaves open why; the backend's own words tell it. */
const toldByBackend: ReadonlySet<FindingCode> = new Set([
  "backend-answer-invalid",
  "backend-fields-refused",
  "backend-unreachable",
  "token-or-keys",
  "backend-refused",
]);

/**
 * The handler hands on a status alone, and every refusal of a backend looks the same; a request from here
 * tells a wrong key from a wrong token, and a wrong host name from a missing booking. Undefined where none
 * can be sent.
 */
async function probeFromHere(
  aws: Aws,
  options: TestOptions,
  signal: AbortSignal,
): Promise<BackendProbe | undefined> {
  try {
    const { functionName, release } = options;
    // A caller that may invoke the function may still not read it: then the two causes are named together.
    const { variables = {} } = (await orDenied(deployedFunction(aws, functionName, release))) ?? {};
    const keys = signingKeysIn(variables["SIGNING_KEYS"] ?? "", "the function's SIGNING_KEYS");
    const subject = subjectOf({ ...options, backendUrl: undefined, variables: {} }, variables, keys);
    return await probeBackend(subject, { signal });
  } catch (error) {
    signal.throwIfAborted();
    // Its variables cannot be read, or say nothing that could be sent.
    if (error instanceof CliError) return undefined;
    throw error;
  }
}

type Answer = Omit<Outcome, "madeUpToken" | "probe" | "owner">;

/**
 * Invokes what serves of the function, or one of its releases, with an event. Throws a CliError when there is
 * no such function.
 */
export async function invoke(
  aws: Aws,
  { functionName, release }: Pick<TestOptions, "functionName" | "release">,
  event: object,
  abortSignal: AbortSignal,
): Promise<Answer> {
  const Payload = Buffer.from(JSON.stringify(event));
  const invoked = await askedOf(release, (of) =>
    aws.lambda.call(
      "Invoke",
      { FunctionName: functionName, ...of, LogType: "Tail", Payload },
      { ...aws.longCall, abortSignal },
    ),
  );
  if (!invoked) throw functionMissing(aws, functionName);
  const payload = Buffer.from(invoked.Payload ?? []).toString();
  const value = jsonIn(payload);
  // JSON's null is an answer of its own.
  const answer = value === undefined ? payload : value;
  const log = Buffer.from(invoked.LogResult ?? "", "base64")
    .toString()
    .split("\n")
    .filter((line) => line.trim() !== "");
  return {
    functionError: invoked.FunctionError !== undefined,
    statusCode: statusCodeOf(answer),
    answer,
    log,
  };
}

/** The status that API Gateway would take the answer for; a numeric text counts (AWS.md 1.6). */
function statusCodeOf(answer: unknown): number | null {
  const status = String((answer as { statusCode?: unknown } | null)?.statusCode);
  return /^[1-5]\d\d$/.test(status) ? Number(status) : null;
}

/** Whether the backend may have taken the connection down: it was accepted, or the answer was lost. */
function mayBeKnown(
  { requestContext: { routeKey, eventType } = {} }: WebSocketEvent,
  { statusCode }: Answer,
): boolean {
  return (routeKey === "$connect" || eventType === "CONNECT") && (statusCode === 200 || statusCode === 504);
}

function disconnectOf({ requestContext: { eventType, ...context } = {} }: WebSocketEvent): object {
  const type = eventType === undefined ? {} : { eventType: "DISCONNECT" };
  return {
    requestContext: {
      ...context,
      ...type,
      routeKey: "$disconnect",
      disconnectStatusCode: 1000,
      disconnectReason: "end of the test",
    },
  };
}
