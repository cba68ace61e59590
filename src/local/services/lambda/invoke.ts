import type * as sdk from "@aws-sdk/client-lambda";
import { AwsError } from "../../aws-error.ts";
import { gatewayMayInvoke } from "./policy.ts";
import {
  buildOf,
  checkReachable,
  findFunction,
  referenceOf,
  refuseWhileChanging,
  type Build,
  type FunctionState,
} from "./function.ts";
import type { LambdaAnswer } from "../../gateway/contract.ts";
import type { FunctionToRun, Invocation } from "../../runtime/contract.ts";
import { denial, sessionToken, type Session } from "../iam/sessions.ts";
import type { Operations } from "../operations.ts";
import type { World } from "../../state.ts";

/** Runs functions: for Invoke, and for API Gateway. */
export interface Invoking {
  /**
   * Runs one build of a function. Throws TooManyRequestsException when its reserved concurrency is in use.
   */
  run(found: FunctionState, build: Build, payload: string): Promise<Invocation>;
  /** What API Gateway gets: an answer, or the reason why there is none. */
  forGateway(call: {
    functionArn: string;
    sourceArn: string;
    account: string;
    event: unknown;
  }): Promise<LambdaAnswer>;
}

/** See {@link Invoking}. Concurrency is counted here, per function. */
export function createInvoking(world: World): Invoking {
  const running = new Map<string, number>();

  async function run(found: FunctionState, build: Build, payload: string): Promise<Invocation> {
    const busy = running.get(found.arn) ?? 0;
    if (busy >= (found.reservedConcurrency ?? Infinity)) throw throttled();
    running.set(found.arn, busy + 1);
    try {
      const runtime = await world.runtimeIn(found.region);
      return await runtime.invoke(functionToRun(world, found, build), payload);
    } finally {
      running.set(found.arn, (running.get(found.arn) ?? 1) - 1);
    }
  }

  async function forGateway({
    functionArn,
    sourceArn,
    account,
    event,
  }: Parameters<Invoking["forGateway"]>[0]): Promise<LambdaAnswer> {
    const asked = referenceOf(functionArn);
    const { region = "", qualifier } = asked;
    try {
      const found = findFunction(world, region, asked, Date.now());
      if (!gatewayMayInvoke(found, { qualifier, sourceArn, account })) return { kind: "forbidden" };
      if (found.change?.kind === "creating") return { kind: "missing" };
      const { payload, functionError } = await run(
        found,
        buildOf(world, found, qualifier),
        JSON.stringify(event),
      );
      return { kind: "answered", payload, ...(functionError ? { functionError } : {}) };
    } catch (cause) {
      const kind = cause instanceof AwsError ? refusals[cause.name] : undefined;
      if (kind) return { kind };
      throw cause;
    }
  }
  return { run, forGateway };
}

const refusals: Readonly<Record<string, "missing" | "throttled">> = {
  ResourceNotFoundException: "missing",
  TooManyRequestsException: "throttled",
};

const throttled = (): AwsError =>
  new AwsError("TooManyRequestsException", "Rate Exceeded.", {
    members: { Reason: "ReservedFunctionConcurrentInvocationLimitExceeded" },
  });

const functionToRun = (world: World, { name, arn, region }: FunctionState, build: Build): FunctionToRun => ({
  arn: build.version === "$LATEST" ? arn : `${arn}:${build.version}`,
  name,
  version: build.version,
  region,
  account: world.account,
  runtime: build.runtime,
  handler: build.handler,
  timeoutSeconds: build.timeoutSeconds,
  memoryMb: build.memoryMb,
  environment: build.environment ?? {},
  zip: build.zip,
  logGroup: build.logging.LogGroup ?? `/aws/lambda/${name}`,
  sessionToken: sessionToken({ roleArn: build.role, name }),
  revision: build.id,
});

/** The most that an event may hold, in bytes (AWS.md 4.8). */
const maxPayload = { RequestResponse: 6_291_456, DryRun: 6_291_456, Event: 1_048_576 };

/**
 * Invoke: waiting for the answer, without waiting, or only asking whether it would be allowed (AWS.md 4.8).
 */
export function invokeOperations(world: World, { run }: Invoking): Operations<typeof sdk> {
  return {
    async Invoke(
      { FunctionName, Qualifier, InvocationType = "RequestResponse", LogType, Payload },
      { region, now, session },
    ) {
      const asked = referenceOf(FunctionName, Qualifier);
      checkReachable(world, region, asked);
      refuseDenied(world, session, { ...asked, region });
      const found = findFunction(world, region, asked, now);
      const build = buildOf(world, found, asked.qualifier);
      // The SDK's type is what a client may pass; over the wire it is bytes.
      const payload = checkedPayload(Payload as Uint8Array | undefined, InvocationType);
      if (found.change?.kind === "creating") refuseWhileChanging(found);
      if (InvocationType === "DryRun") return { StatusCode: 204 };
      if (InvocationType === "Event") {
        void runLater(world, () => run(found, build, payload));
        return { StatusCode: 202 };
      }
      const { payload: answer, functionError, logTail } = await run(found, build, payload);
      return {
        StatusCode: 200,
        ExecutedVersion: build.version,
        Payload: Buffer.from(answer) as unknown as NonNullable<sdk.InvokeCommandOutput["Payload"]>,
        ...(functionError ? { FunctionError: functionError } : {}),
        ...(LogType === "Tail" ? { LogResult: Buffer.from(logTail).toString("base64") } : {}),
      };
    },
  };
}

/**
 * A role's session may invoke what the role's policies name; denied before anything tells whether the
 * function is there.
 */
function refuseDenied(
  world: World,
  session: Session | undefined,
  called: { region: string; name: string; qualifier: string | undefined },
): void {
  const { region, name, qualifier } = called;
  const resource = `arn:aws:lambda:${region}:${world.account}:function:${name}${qualifier === undefined ? "" : `:${qualifier}`}`;
  const message = denial(world, session, { action: "lambda:InvokeFunction", resource });
  if (message !== undefined) throw new AwsError("AccessDeniedException", message, { status: 403 });
}

function checkedPayload(given: Uint8Array | undefined, type: sdk.InvocationType): string {
  const bytes = given ?? new Uint8Array();
  if (bytes.length > maxPayload[type])
    throw new AwsError(
      "RequestTooLargeException",
      `${bytes.length} byte payload is too large for the ${type} invocation type (limit ${maxPayload[type]} bytes)`,
    );
  const text = Buffer.from(bytes).toString() || "{}";
  try {
    JSON.parse(text);
  } catch (cause) {
    throw new AwsError(
      "InvalidRequestContentException",
      `Could not parse request body into json: ${(cause as Error).message}`,
    );
  }
  return text;
}

/**
 * Runs an event whose caller does not wait: again after each failure, as often as Lambda does, then the event
 * is dropped.
 */
async function runLater(world: World, run: () => Promise<Invocation>): Promise<void> {
  for (const delay of [0, ...world.delays.asyncRetryMs]) {
    await world.pause(delay);
    if (world.closing.aborted || !(await failed(run))) return;
  }
}

async function failed(run: () => Promise<Invocation>): Promise<boolean> {
  try {
    return (await run()).functionError !== undefined;
  } catch {
    // Throttled, or nothing could be started to run it in: nobody waits for the answer, so all there is to do
    // is to try again.
    return true;
  }
}
