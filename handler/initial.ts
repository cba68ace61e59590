import { callsTo, causeOf, isDenied } from "./call.ts";
import { wait } from "./clock.ts";
import type { Configuration } from "./config.ts";
import type { Connections } from "./connections.ts";
import type { InvokeSelf, Result, Work } from "./contract.ts";
import type { Initial } from "./event.ts";
import { fanOut } from "./fan-out.ts";
import { deliveryFields, reportGone } from "./report.ts";
import { encodeSegment } from "./sigv4.ts";

const invokeMs = 3_000;
/**
 * How long 410 means "not open yet": the handshake ends when the first invocation has returned and API
 * Gateway has written its 101.
 */
const openingMs = 3_000;
/** Kept for telling the backend that the connection is gone. */
const reportMs = 600;
const code = "initial_failed";

/**
 * Lambda's Invoke with `InvocationType: Event` (AWS.md 4.8). The function is named by the ARN that it was
 * itself invoked with, so that an alias or a version sends its frames with its own code.
 */
export function createInvokeSelf(configuration: Configuration): InvokeSelf {
  const { functionName, lambda } = configuration;
  const call = callsTo("lambda", configuration);
  return async ({ connectionId, requestId }, frames, { context, deadline, endpoint }) => {
    const name = context.invokedFunctionArn ?? functionName;
    if (!call || !name || !endpoint) return { code, reason: "no credentials, function name or endpoint" };
    const path = `${lambda.prefix}/2015-03-31/functions/${encodeSegment(name)}/invocations`;
    const body = JSON.stringify({ shelfshackInitial: { connectionId, requestId, endpoint, frames } });
    const request = { method: "POST", path, body, headers: { "x-amz-invocation-type": "Event" } } as const;
    const outcome = await call(lambda, request, Math.min(deadline.frames, Date.now() + invokeMs));
    if (outcome.status === 202) return {};
    const failed = { code, host: lambda.authority };
    if (isDenied(outcome))
      return { ...failed, level: "ERROR", reason: "the role lacks lambda:InvokeFunction", resource: name };
    if (outcome.status === 413) return { ...failed, reason: "initial in the answer to connect is over 1 MB" };
    return { ...failed, reason: causeOf("Lambda", outcome) };
  };
}

/**
 * The second invocation: sends the frames in order, and repeats the first one while the connection is not
 * open yet.
 */
export async function initial({ connectionId, requestId, frames }: Initial, work: Work): Promise<Result> {
  const { backend, connections, deadline } = work;
  const count = await fanOut(
    new Map([[connectionId, frames]]),
    onceOpen(connections, deadline.backend - reportMs),
    deadline.frames,
  );
  await reportGone(count.goneIds, requestId, backend, deadline.backend);
  return {
    status: 200,
    ...(count.tooLarge > 0 && { code: "payload_too_large" }),
    ...deliveryFields(count, work, "connect"),
  };
}

function onceOpen(connections: Connections, latest: number): Connections {
  const openBy = Math.min(latest, Date.now() + openingMs);
  let open = false;
  const send: Connections["send"] = async (connectionId, frame, until) => {
    for (let pauseMs = 20; ; pauseMs = Math.min(2 * pauseMs, 250)) {
      const sent = await connections.send(connectionId, frame, until);
      open ||= sent === "sent";
      if (sent !== "gone" || open || Date.now() + pauseMs >= openBy) return sent;
      await wait(pauseMs);
    }
  };
  return { ...connections, send };
}
