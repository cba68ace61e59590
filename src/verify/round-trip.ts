import { setTimeout as delay } from "node:timers/promises";
import { addressOf } from "../client/address.ts";
import { HandshakeError } from "../client/handshake.ts";
import { openSession } from "../client/session.ts";
import { command, type Invocation } from "../errors/advice.ts";
import { explain } from "../errors/explain.ts";
import type { Progress, Report } from "../progress.ts";
import type { Settings } from "../settings/table.ts";
import type { Aws } from "../aws/clients.ts";
import type { TestResult } from "./invoke.ts";

/** What a real WebSocket to the stage met: `status` of a refused handshake, null when there was none. */
interface RoundTrip {
  open: boolean;
  ms: number;
  status: number | null;
  meaning: string;
}

/**
 * How a deploy ends: the test invocation, then a handshake through API Gateway, the function and the backend
 * and back.
 */
export interface SmokeTest {
  invocation: Pick<TestResult, "passed" | "backendReached" | "backendAccepted" | "configured" | "meaning"> & {
    handlerRan: boolean | null;
  };
  roundTrip: RoundTrip;
}

const HANDSHAKE_MS = 30_000;
/**
 * A new permission takes API Gateway some seconds to see; until then the handshake ends with 500 or 403
 * (AWS.md 4.7).
 */
const PROPAGATION_MS = 10_000;

/** Of whom the smoke test connects, and to what. */
export type SmokeTestOptions = Pick<Settings, "functionName" | "stage" | "booking" | "token" | "type">;

/** Tests the deployed path, as far as it can without a client's own token. */
export async function smokeTest(
  url: string,
  options: SmokeTestOptions,
  { aws, report, signal }: { aws: Aws; report: Report; signal: AbortSignal },
): Promise<SmokeTest> {
  const title = "test event and a real WebSocket";
  const startedAt = performance.now();
  report({ kind: "started", id: ID, title });
  const invocation = await invoke(aws, options, signal);
  const { MADE_UP_TOKEN } = await import("./invoke.ts");
  const client = { ...options, booking: options.booking ?? "1", token: options.token ?? MADE_UP_TOKEN };
  const tested = { invocation, roundTrip: await handshake(addressOf(url, client), signal) };
  report(ending(tested, title, performance.now() - startedAt));
  return tested;
}

const ID = "smoke-test";

/** How it went, for the progress: the result says more. */
function ending(tested: SmokeTest, title: string, ms: number): Progress {
  if (!worksAsDeployed(tested)) return { kind: "failed", id: ID, title, message: "the smoke test failed" };
  const rest = hasPassed(tested)
    ? ({ outcome: "done" } as const)
    : ({ outcome: "incomplete", detail: "the backend fails" } as const);
  return { kind: "finished", id: ID, title, ms, ...rest };
}

/** The test invocation; where it is denied or fails, that is its result: the deploy itself is done. */
async function invoke(
  aws: Aws,
  options: SmokeTestOptions,
  signal: AbortSignal,
): Promise<SmokeTest["invocation"]> {
  try {
    const { testFunction } = await import("./invoke.ts");
    const tested = await testFunction(aws, options, signal);
    const { passed, handlerRan, backendReached, backendAccepted, configured, meaning } = tested;
    return { passed, handlerRan, backendReached, backendAccepted, configured, meaning };
  } catch (error) {
    signal.throwIfAborted();
    const unknown = { handlerRan: null, backendReached: null, backendAccepted: null, configured: true };
    return { passed: false, ...unknown, meaning: explain(error).message };
  }
}

async function handshake(address: URL, signal: AbortSignal): Promise<RoundTrip> {
  const startedAt = performance.now();
  for (;;) {
    const attempt = await tryOnce(address, signal);
    const mayPass = attempt.status === 500 || attempt.status === 403;
    if (!mayPass || performance.now() - startedAt > PROPAGATION_MS) return attempt;
    await delay(1_000, undefined, { signal });
  }
}

async function tryOnce(address: URL, signal: AbortSignal): Promise<RoundTrip> {
  const startedAt = performance.now();
  try {
    const session = await openSession(address, { timeoutMs: HANDSHAKE_MS, signal });
    await session.close();
    return { open: true, ms: Math.round(session.openMs), status: null, meaning: "open, and closed again" };
  } catch (error) {
    if (!(error instanceof HandshakeError)) throw error;
    const status = error.failure.kind === "status" ? error.failure.status : null;
    return { open: false, ms: Math.round(performance.now() - startedAt), status, meaning: error.message };
  }
}

/** Whether a message gets through the whole path. */
const hasPassed = ({ invocation, roundTrip }: SmokeTest): boolean => invocation.passed && roundTrip.open;

/** The next command: one that uses what works, or shows more of what fails. */
export function nextAfter(
  tested: SmokeTest | null,
  { booking = "1", token, tokenStdin }: Pick<Settings, "booking" | "token" | "tokenStdin">,
): Invocation {
  // The test's made-up token says nothing about a client that sends none.
  const sameToken = tokenStdin ? { tokenStdin } : token === undefined ? { token: "TOKEN" } : {};
  if (!tested || hasPassed(tested)) return command("connect", { booking, ...sameToken });
  return worksAsDeployed(tested) ? command("backend check") : command("test");
}

/**
 * Whether what we deployed works: the function ran, and API Gateway let the client reach it. What the backend
 * says is the backend's.
 */
export const worksAsDeployed = ({ invocation, roundTrip: { open, status } }: SmokeTest): boolean =>
  invocation.handlerRan !== false &&
  invocation.configured &&
  (open || (status !== null && status !== 500 && (status !== 403 || invocation.backendAccepted === false)));
