import { setTimeout as delay } from "node:timers/promises";
import type { BackendProbe } from "../backend/check/ask-once.ts";
import { addressOf } from "../client/address.ts";
import { HandshakeError } from "../client/handshake.ts";
import type { Session } from "../client/session.ts";
import { TEST_AGENT } from "../contract/trace.ts";
import { command, type Advice, type Invocation } from "../errors/advice.ts";
import type { ErrorCode } from "../errors/codes.ts";
import { explain } from "../errors/explain.ts";
import type { Progress, Report } from "../progress.ts";
import type { Settings } from "../settings/table.ts";
import type { Aws } from "../aws/clients.ts";
import {
  connectionsProof,
  notAskedOwn,
  proofEvent,
  PROVE,
  PROVEN,
  stepThatLetsFramesThrough,
  type ConnectionsProof,
} from "./connections-proof.ts";
import type { TestResult } from "./invoke.ts";
import type { FindingCode } from "./judge.ts";
import type { Unproven } from "./unproven.ts";

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

/**
 * How a deploy ends: the test invocation; a frame that the function sends through @connections; a handshake
 * through API Gateway, the function and the backend and back, over which such a frame must arrive.
 */
export interface SmokeTest {
  invocation: Pick<
    TestResult,
    "passed" | "backendReached" | "backendAccepted" | "configured" | "meaning" | "fix"
  > & {
    /** Null where the function could not be invoked. */
    code: FindingCode | null;
    handlerRan: boolean | null;
  };
  frames: ConnectionsProof;
  roundTrip: RoundTrip;
}

const HANDSHAKE_MS = 30_000;
/**
 * A new permission takes API Gateway some seconds to see; until then the handshake ends with 500 or 403
 * (AWS.md 4.7), and a new policy of the role as long.
 */
const PROPAGATION_MS = 10_000;
/** A cold start and two calls are far below. */
const ARRIVAL_MS = 10_000;

/** Of whom the smoke test connects, and to what. */
export type SmokeTestOptions = Pick<Settings, "functionName" | "stage" | "booking" | "token" | "type"> & {
  /** Whether the function's code is the user's own: then it is invoked and a WebSocket opened, no more. */
  own?: boolean | undefined;
};

/** What it works with; `timeScale` scales its pauses. */
interface SmokeTestRun {
  aws: Aws;
  report: Report;
  signal: AbortSignal;
  timeScale: number;
}

/** Tests the deployed path, as far as it can without a client's own token. */
export async function smokeTest(
  url: string,
  options: SmokeTestOptions,
  run: SmokeTestRun,
): Promise<SmokeTest> {
  const { aws, report, signal } = run;
  const title = "test event and a real WebSocket";
  const startedAt = performance.now();
  report({ kind: "started", id: ID, title });
  const invocation = await invoke(aws, options, signal);
  const { MADE_UP_TOKEN } = await import("./invoke.ts");
  const client = { ...options, booking: options.booking ?? "1", token: options.token ?? MADE_UP_TOKEN };
  const sent = options.own ? notAskedOwn : await sentFrame(options, url, run);
  const { roundTrip, frames } = await handshake(addressOf(url, client), sent, run);
  const tested = { invocation, frames, roundTrip };
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
    const { code, passed, handlerRan, backendReached, backendAccepted, configured, meaning, fix } = tested;
    return { code, passed, handlerRan, backendReached, backendAccepted, configured, meaning, fix };
  } catch (error) {
    signal.throwIfAborted();
    const unknown = { handlerRan: null, backendReached: null, backendAccepted: null, configured: true };
    const { message, hint } = explain(error);
    return { code: null, passed: false, ...unknown, meaning: message, fix: hint ?? null };
  }
}

/** Whether the function can send frames, as it says itself: no backend has a part in it. */
export async function sentFrame(
  { functionName }: Pick<SmokeTestOptions, "functionName">,
  url: string,
  run: SmokeTestRun,
): Promise<ConnectionsProof> {
  const { aws, signal } = run;
  const endpoint = url.replace(/^ws/, "http");
  const { invoke: invokeWith } = await import("./invoke.ts");
  const ask = async () =>
    connectionsProof((await invokeWith(aws, functionName, proofEvent(endpoint), signal)).answer, endpoint);
  try {
    return await untilSpread(ask, ({ code }) => code !== "denied", run);
  } catch (error) {
    signal.throwIfAborted();
    return { code: "not-asked", reached: null, meaning: explain(error).message };
  }
}

/** Opens a WebSocket, and has a frame sent over it where the function says that it can. */
export async function handshake(
  address: URL,
  sent: ConnectionsProof,
  run: SmokeTestRun,
): Promise<Pick<SmokeTest, "frames" | "roundTrip">> {
  const attempt = () => tryOnce(address, sent, run.signal);
  return await untilSpread(attempt, ({ roundTrip: { status } }) => status !== 500 && status !== 403, run);
}

/** Tries again each second, as long as what was just written may not have spread in AWS. */
async function untilSpread<T>(
  attempt: () => Promise<T>,
  hasSpread: (outcome: T) => boolean,
  { signal, timeScale }: SmokeTestRun,
): Promise<T> {
  const startedAt = performance.now();
  for (;;) {
    const outcome = await attempt();
    if (hasSpread(outcome) || performance.now() - startedAt > PROPAGATION_MS * timeScale) return outcome;
    await delay(1_000 * timeScale, undefined, { signal });
  }
}

async function tryOnce(
  address: URL,
  sent: ConnectionsProof,
  signal: AbortSignal,
): Promise<Pick<SmokeTest, "frames" | "roundTrip">> {
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
    const { code, message: meaning, hint: fix = null } = error;
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

/** Whether a message gets through the whole path. */
const hasPassed = ({ invocation, frames, roundTrip }: SmokeTest): boolean =>
  invocation.passed && (frames.reached === true || isOwn(frames)) && roundTrip.open;

const isOwn = ({ code }: ConnectionsProof): boolean => code === notAskedOwn.code;

/** Why what was deployed does not work; undefined where it does. */
export function faultIn(tested: SmokeTest): string | undefined {
  if (worksAsDeployed(tested)) return undefined;
  const { invocation, frames, roundTrip } = tested;
  if (invocation.handlerRan === false || !invocation.configured) return invocation.meaning;
  return frames.reached === false ? frames.meaning : roundTrip.meaning;
}

/** What the smoke test leaves open: nothing of it is a fault of what was deployed. */
export function unprovenBy(tested: SmokeTest): Unproven[] {
  if (hasPassed(tested) || !worksAsDeployed(tested)) return [];
  const { invocation, frames, roundTrip } = tested;
  const { code, meaning, fix } = invocation;
  return [
    ...(invocation.passed
      ? []
      : [{ code: code ?? "not-invoked", what: code === null ? INVOKED : CLIENTS, why: meaning, fix }]),
    ...(frames.reached === null && !isOwn(frames)
      ? [{ code: frames.code, what: FRAMES, why: frames.meaning, fix: null }]
      : []),
    ...(invocation.passed && !roundTrip.open
      ? [{ code: "not-open", what: CLIENTS, why: roundTrip.meaning, fix: null }]
      : []),
  ];
}

const INVOKED = "that the function accepts the test event";
const CLIENTS = "that clients can connect";
const FRAMES = "that frames reach clients";

/** The next command: one that uses what works, or fits the cause of what fails. */
export function nextAfter(
  tested: SmokeTest | null,
  {
    booking = "1",
    token,
    tokenStdin,
    roleArn,
  }: Pick<Settings, "booking" | "token" | "tokenStdin"> & { roleArn?: string | undefined },
): Invocation {
  // The test's made-up token says nothing about a client that sends none.
  const sameToken = tokenStdin ? { tokenStdin } : token === undefined ? { token: "TOKEN" } : {};
  if (!tested || hasPassed(tested)) return command("connect", { booking, ...sameToken });
  const { invocation, frames, roundTrip } = tested;
  const step = stepThatLetsFramesThrough[frames.code];
  // Of a role that others own the doctor says what its owner is to be asked for.
  if (step === "policy" && roleArn !== undefined) return command("doctor");
  if (step) return command("deploy", { only: [step] });
  if (!worksAsDeployed(tested))
    return (invocation.passed && afterHandshake[roundTrip.status ?? 0]) || command("doctor");
  return (invocation.code && afterFinding[invocation.code]) ?? command("backend check");
}

/** The next command after a new backend was asked: one that fits what it said. */
export const nextAfterProbe = ({ code }: BackendProbe): Invocation =>
  afterFinding[code] ?? command("backend check");

/** By the status of the handshake, where the function itself answers well. */
const afterHandshake: Readonly<Record<number, Invocation>> = {
  403: command("status"),
  500: command("deploy", { only: ["permission"] }),
};

/** By what the test event found, where what was deployed works; other causes lie in the backend. */
const afterFinding: Readonly<Partial<Record<FindingCode | BackendProbe["code"], Invocation>>> = {
  "keys-unknown": command("outputs", { outputsFor: "backend" }),
  "keys-missing": command("deploy"),
  "token-refused": command("test", { tokenStdin: true }),
  "booking-missing": command("test", { booking: "ID" }),
  "token-missing": command("test", { tokenStdin: true }),
};

/**
 * Whether what we deployed works: the function ran, it can send frames, and API Gateway let the client reach
 * it. What the backend says is the backend's.
 */
export const worksAsDeployed = ({ invocation, frames, roundTrip: { open, status } }: SmokeTest): boolean =>
  invocation.handlerRan !== false &&
  invocation.configured &&
  frames.reached !== false &&
  (!isOwn(frames) || open || invocation.code === "own-refused") &&
  (open || (status !== null && status !== 500 && (status !== 403 || mayRefuse(invocation))));

/** Whether a handshake's 403 may be the handler's own answer. */
const mayRefuse = ({ backendAccepted, code }: SmokeTest["invocation"]): boolean =>
  backendAccepted === false || code === "own-refused";
