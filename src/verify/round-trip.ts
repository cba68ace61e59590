import { setTimeout as delay } from "node:timers/promises";
import { addressOf } from "../client/address.ts";
import { HandshakeError } from "../client/handshake.ts";
import { openSession } from "../client/session.ts";
import { explain } from "../errors/explain.ts";
import type { Progress } from "../progress.ts";
import type { Settings } from "../settings/table.ts";
import type { Run } from "../stack/create.ts";
import type { Aws } from "../aws/clients.ts";
import { duration } from "../terminal/format.ts";
import { style } from "../terminal/style.ts";
import { MADE_UP_TOKEN, testFunction, type TestResult } from "./invoke.ts";

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

/** Proves the deployed path, as far as it can without a client's own token. */
export async function smokeTest(
  url: string,
  settings: Settings,
  { aws, report, signal }: Run,
): Promise<SmokeTest> {
  const title = "test event and a real WebSocket";
  const startedAt = performance.now();
  report({ kind: "started", id: "proof", title });
  const invocation = await invoke(aws, settings, signal);
  const subscription = {
    ...settings,
    booking: settings.booking ?? "1",
    token: settings.token ?? MADE_UP_TOKEN,
  };
  const proof = { invocation, roundTrip: await handshake(addressOf(url, subscription), signal) };
  report(ending(proof, title, performance.now() - startedAt));
  return proof;
}

/** How the proof went, for the progress: the result says more. */
function ending(proof: SmokeTest, title: string, ms: number): Progress {
  if (!worksAsDeployed(proof))
    return { kind: "failed", id: "proof", title, message: "what was deployed does not work" };
  const rest = isProven(proof)
    ? ({ outcome: "done" } as const)
    : ({ outcome: "incomplete", detail: "the backend does not do its part" } as const);
  return { kind: "finished", id: "proof", title, ms, ...rest };
}

/** The test invocation; where it is denied or fails, that is its result: the deploy itself is done. */
async function invoke(aws: Aws, settings: Settings, signal: AbortSignal): Promise<SmokeTest["invocation"]> {
  try {
    const tested = await testFunction(aws, { ...settings, event: undefined }, signal);
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
const isProven = ({ invocation, roundTrip }: SmokeTest): boolean => invocation.passed && roundTrip.open;

/** The command that goes on from here, or tells more of what is missing. */
export function nextAfter(
  proof: SmokeTest | null,
  { booking = "1", token, tokenStdin }: Pick<Settings, "booking" | "token" | "tokenStdin">,
): string {
  // The proof's made-up token says nothing about a client that sends none.
  const sameToken = tokenStdin ? " --token-stdin" : token === undefined ? " --token TOKEN" : "";
  if (!proof || isProven(proof)) return `shelfshack-ws connect --booking ${booking}${sameToken}`;
  return worksAsDeployed(proof) ? "shelfshack-ws backend check" : "shelfshack-ws test";
}

/**
 * Whether what we deployed works: the function ran, and API Gateway let the client reach it. What the backend
 * says is the backend's.
 */
export const worksAsDeployed = ({ invocation, roundTrip: { open, status } }: SmokeTest): boolean =>
  invocation.handlerRan !== false &&
  invocation.configured &&
  (open || (status !== null && status !== 500 && (status !== 403 || invocation.backendAccepted === false)));

/** The proof in lines, with what to do where something is missing. */
export function renderProof({ invocation, roundTrip }: SmokeTest): string[] {
  const sign = (good: boolean) => (good ? style.green("✓") : style.yellow("!"));
  const trip = roundTrip.open
    ? `a WebSocket opened through the whole path in ${duration(roundTrip.ms)}`
    : roundTrip.meaning;
  return [`${sign(invocation.passed)} test event: ${invocation.meaning}`, `${sign(roundTrip.open)} ${trip}`];
}
