import type * as sdk from "@aws-sdk/client-lambda";
import { AwsError } from "../../aws-error.ts";
import type { LambdaAnswer } from "../../gateway/contract.ts";
import type { Host } from "../../host.ts";
import type { FunctionToRun, Invocation } from "../../runtime/contract.ts";
import { all } from "../../wire/members.ts";
import { operations } from "../operations.ts";
import {
  checkReachable,
  findFunction,
  functionArn,
  latestNotFound,
  referenceOf,
  refuseWhilePending,
  versionToRun,
  type FunctionState,
  type FunctionVersion,
  type Lambda,
} from "./function.ts";
import { gatewayMayInvoke } from "./policy.ts";

const op = operations<typeof sdk, Lambda>();

/** One call of a function. */
interface Call {
  found: FunctionState;
  version: FunctionVersion;
  payload: string;
  /** What was called: with the qualifier that was given, or with none (AWS.md 4.8). */
  calledArn: string;
  /** A new one when left out. */
  requestId?: string;
}

/**
 * Runs one version of a function. Throws TooManyRequestsException when its reserved concurrency is in use.
 */
async function run(
  { host, running, metrics }: Lambda,
  { found, version, payload, ...called }: Call,
): Promise<Invocation> {
  const count = (name: string, value: number) =>
    metrics.add(
      found.region,
      { namespace: "AWS/Lambda", name, dimensions: { FunctionName: found.name } },
      value,
    );
  const busy = running.get(found.arn) ?? 0;
  const isReserved = found.reservedConcurrency !== undefined;
  const allowed = found.reservedConcurrency ?? host.concurrency;
  const inUse = isReserved ? busy : [...running.values()].reduce((sum, each) => sum + each, 0);
  if (inUse >= allowed) {
    count("Throttles", 1);
    throw throttled(isReserved);
  }
  running.set(found.arn, busy + 1);
  try {
    const runtime = await host.runtimes.runtimeIn(found.region);
    const invocation = await runtime.invoke(functionToRun(host, found, version), payload, called);
    count("Invocations", 1);
    count("Errors", invocation.functionError ? 1 : 0);
    count("Duration", invocation.durationMs);
    return invocation;
  } finally {
    running.set(found.arn, (running.get(found.arn) ?? 1) - 1);
  }
}

/** What API Gateway wants to have run, and for which of its routes. */
export interface GatewayCall {
  functionArn: string;
  sourceArn: string;
  account: string;
  event: unknown;
}

/** What API Gateway gets: an answer, or the reason why there is none. */
export async function invokeForGateway(
  lambda: Lambda,
  { functionArn: called, sourceArn, account, event }: GatewayCall,
): Promise<LambdaAnswer> {
  const asked = referenceOf(called);
  const { region = "", qualifier } = asked;
  try {
    const found = findFunction({ ...lambda, region, now: Date.now() }, asked);
    if (!gatewayMayInvoke(found, { qualifier, sourceArn, account })) return { kind: "forbidden" };
    const version = versionToRun(found, qualifier);
    refuseWhilePending(found, version);
    const call: Call = {
      found,
      version,
      payload: JSON.stringify(event),
      calledArn: functionArn(lambda.host.account, region, asked),
    };
    const { payload, functionError, requestId } = await run(lambda, call);
    return { kind: "answered", payload, requestId, ...(functionError ? { functionError } : {}) };
  } catch (cause) {
    const kind = cause instanceof AwsError ? refusals[cause.name] : undefined;
    if (kind) return { kind };
    throw cause;
  }
}

/** A function of a region with other code than it has. */
export interface OtherCode {
  region: string;
  name: string;
  zip: Uint8Array;
}

/** Starts a function once with other code; why it does not start, undefined where it does. */
export async function tryOut(lambda: Lambda, { region, name, zip }: OtherCode): Promise<string | undefined> {
  const found = findFunction({ ...lambda, region, now: Date.now() }, referenceOf(name));
  const runtime = await lambda.host.runtimes.runtimeIn(region);
  const target = { ...functionToRun(lambda.host, found, found.latest), zip };
  return (await runtime.tryOut(target))?.message;
}

const refusals: Readonly<Record<string, "missing" | "throttled">> = {
  ResourceNotFoundException: "missing",
  ResourceConflictException: "missing",
  TooManyRequestsException: "throttled",
};

const throttled = (isReserved: boolean): AwsError =>
  new AwsError("TooManyRequestsException", "Rate Exceeded.", {
    members: {
      Reason: isReserved
        ? "ReservedFunctionConcurrentInvocationLimitExceeded"
        : "ConcurrentInvocationLimitExceeded",
    },
  });

const functionToRun = (
  { account }: Host,
  { name, arn, region }: FunctionState,
  version: FunctionVersion,
): FunctionToRun => ({
  arn: version.version === "$LATEST" ? arn : `${arn}:${version.version}`,
  name,
  version: version.version,
  region,
  account,
  runtime: version.runtime,
  handler: version.handler,
  timeoutSeconds: version.timeoutSeconds,
  memoryMb: version.memoryMb,
  environment: version.environment ?? {},
  zip: version.zip,
  logGroup: version.logging.LogGroup ?? `/aws/lambda/${name}`,
  jsonLog: jsonLogOf(version.logging),
  role: version.role,
  traced: version.tracing === "Active",
  revision: version.id,
});

const jsonLogOf = ({
  LogFormat,
  ApplicationLogLevel: application = "INFO",
  SystemLogLevel: system = "INFO",
}: FunctionVersion["logging"]): FunctionToRun["jsonLog"] =>
  LogFormat === "JSON" ? { application, system } : undefined;

/** The most that an event may hold, in bytes (AWS.md 4.8). */
const maxPayload = { RequestResponse: 6_291_456, DryRun: 6_291_456, Event: 1_048_576 };

/** Invoke: with an answer, without one, or only to see whether it would be allowed (AWS.md 4.8). */
export const invokeOperations = [
  op(
    "Invoke",
    { FunctionName: all, Qualifier: all, InvocationType: all, LogType: all, Payload: all },
    async ({ FunctionName, Qualifier, InvocationType = "RequestResponse", LogType, Payload }, at) => {
      const asked = referenceOf(FunctionName, Qualifier);
      checkReachable(at, asked);
      const found = findFunction(at, asked, latestNotFound);
      const version = versionToRun(found, asked.qualifier);
      // The SDK's type is what a client may pass; over the wire it is bytes.
      const payload = checkedPayload(Payload as Uint8Array | undefined, InvocationType);
      refuseWhilePending(found, version);
      if (InvocationType === "DryRun") return { StatusCode: 204 };
      const calledArn = functionArn(at.host.account, at.region, asked);
      // The id of the answer is the invocation's, of every attempt of it.
      const call: Call = { found, version, payload, calledArn, requestId: at.requestId };
      if (InvocationType === "Event") {
        void runLater(at.host, () => run(at, call));
        return { StatusCode: 202 };
      }
      const { payload: answer, functionError, logTail } = await run(at, call);
      return {
        StatusCode: 200,
        ExecutedVersion: version.version,
        Payload: Buffer.from(answer) as unknown as NonNullable<sdk.InvokeCommandOutput["Payload"]>,
        ...(functionError ? { FunctionError: functionError } : {}),
        ...(LogType === "Tail" ? { LogResult: Buffer.from(logTail).toString("base64") } : {}),
      };
    },
  ),
];

function checkedPayload(given: Uint8Array | undefined, type: sdk.InvocationType): string {
  const bytes = given ?? new Uint8Array();
  if (bytes.length > maxPayload[type])
    throw new AwsError(
      "RequestTooLargeException",
      `${bytes.length} byte payload is too large for the ${type} invocation type ` +
        `(limit ${maxPayload[type]} bytes)`,
    );
  const text = Buffer.from(bytes).toString() || "{}";
  try {
    JSON.parse(text);
  } catch (cause) {
    throw new AwsError(
      "InvalidRequestContentException",
      "Could not parse request body into json: " +
        `Could not parse payload into json: ${(cause as Error).message}`,
    );
  }
  return text;
}

/**
 * Runs an event whose caller does not wait: again after each failure, as often as Lambda does, then the event
 * is dropped.
 */
async function runLater({ delays, pause, closing }: Host, attempt: () => Promise<Invocation>): Promise<void> {
  for (const delay of [0, ...delays.asyncRetryMs]) {
    await pause(delay);
    if (closing.aborted || !(await failed(attempt))) return;
  }
}

async function failed(attempt: () => Promise<Invocation>): Promise<boolean> {
  try {
    return (await attempt()).functionError !== undefined;
  } catch {
    // Throttled, or nothing could be started to run it in: no caller waits for the answer, so all there is to
    // do is to try again.
    return true;
  }
}
