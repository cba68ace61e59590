import { setTimeout as delay } from "node:timers/promises";
import type { Aws } from "../aws/clients.ts";
import { HandshakeError } from "../client/handshake.ts";
import type { Session } from "../client/session.ts";
import { TEST_AGENT } from "../contract/trace.ts";
import type { Advice } from "../errors/advice.ts";
import type { ErrorCode } from "../errors/codes.ts";
import { explain } from "../errors/explain.ts";
import { connectionsProof, proofEvent, PROVE, PROVEN, type ConnectionsProof } from "./connections-proof.ts";

/** What a real WebSocket to the stage met: `status` of a refused handshake, null when there was none. */
export interface RoundTrip {
  open: boolean;
  ms: number;
  status: number | null;
  /** Why it did not open; null where it did. */
  code: ErrorCode | null;
  meaning: string;
  /** What to do now, where the handshake was refused. */
  fix: Advice | null;
}

/** What became of a WebSocket, and of the frame that was to arrive over it. */
export interface Tried {
  roundTrip: RoundTrip;
  frames: ConnectionsProof;
}

const HANDSHAKE_MS = 30_000;
/**
 * A new permission takes API Gateway some seconds to see; until then the handshake ends with 500 or 403
 * (AWS.md 4.7), and a new policy of the role as long.
 */
const PROPAGATION_MS = 10_000;
/** A cold start and two calls are far below. */
const ARRIVAL_MS = 10_000;

/** What it works with; `timeScale` scales its pauses. */
interface Trying {
  aws: Aws;
  signal: AbortSignal;
  timeScale: number;
}

/** Whether the function can send frames, as it says itself: no backend has a part in it. */
export async function sentFrame(
  { functionName }: { functionName: string },
  url: string,
  run: Trying,
): Promise<ConnectionsProof> {
  const { aws, signal } = run;
  const endpoint = url.replace(/^ws/, "http");
  const { invoke: invokeWith } = await import("./invoke.ts");
  const ask = async () =>
    connectionsProof(
      (await invokeWith(aws, { functionName }, proofEvent(endpoint), signal)).answer,
      endpoint,
    );
  try {
    return await untilSpread(ask, ({ code }) => code !== "denied", run);
  } catch (error) {
    signal.throwIfAborted();
    return { code: "not-asked", reached: null, meaning: explain(error).message };
  }
}

/** Opens a WebSocket, and has a frame sent over it where the function says that it can. */
export async function handshake(address: URL, sent: ConnectionsProof, run: Trying): Promise<Tried> {
  const attempt = () => tryOnce(address, sent, run.signal);
  return await untilSpread(attempt, ({ roundTrip: { status } }) => status !== 500 && status !== 403, run);
}

/** Tries again each second, as long as what was just written may not have spread in AWS. */
async function untilSpread<T>(
  attempt: () => Promise<T>,
  hasSpread: (outcome: T) => boolean,
  { signal, timeScale }: Trying,
): Promise<T> {
  const startedAt = performance.now();
  for (;;) {
    const outcome = await attempt();
    if (hasSpread(outcome) || performance.now() - startedAt > PROPAGATION_MS * timeScale) return outcome;
    await delay(1_000 * timeScale, undefined, { signal });
  }
}

async function tryOnce(address: URL, sent: ConnectionsProof, signal: AbortSignal): Promise<Tried> {
  const startedAt = performance.now();
  try {
    const { openSession } = await import("../client/session.ts");
    const request = { headers: { "User-Agent": TEST_AGENT } };
    const session = await openSession(address, { timeoutMs: HANDSHAKE_MS, request, signal });
    // A handler that does not know the text would hand it to the backend.
    const frames = sent.code === "reached" ? await arrivedFrame(session, sent) : sent;
    await session.close();
    const openMs = Math.round(session.openMs);
    const roundTrip = { open: true, ms: openMs, status: null, code: null, meaning: CLOSED, fix: null };
    return { frames, roundTrip };
  } catch (error) {
    if (!(error instanceof HandshakeError)) throw error;
    const status = error.failure.kind === "status" ? error.failure.status : null;
    const ms = Math.round(performance.now() - startedAt);
    const { code, meaning, hint: fix = null } = error;
    return { frames: sent, roundTrip: { open: false, ms, status, code, meaning, fix } };
  }
}

const CLOSED = "open, and closed again";

/** Whether a frame of the function arrives over the socket. */
async function arrivedFrame(session: Session, sent: ConnectionsProof): Promise<ConnectionsProof> {
  const timer = setTimeout(() => void session.close(), ARRIVAL_MS);
  try {
    await session.send(PROVE);
    for await (const { text } of session.frames) if (text === PROVEN) return sent;
  } finally {
    clearTimeout(timer);
  }
  const meaning = `a frame that the function sent did not arrive within ${ARRIVAL_MS / 1_000} s`;
  return { code: "not-arrived", reached: false, meaning };
}
