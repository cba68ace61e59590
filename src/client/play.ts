import { setTimeout as delay } from "node:timers/promises";
import type { Subscription } from "./address.ts";
import type { Mismatch } from "./expectation.ts";
import { HandshakeError } from "./handshake.ts";
import { participant, type Participant } from "./participant.ts";
import type { Step } from "./script.ts";
import type { Closed, Frame, Session } from "./session.ts";

/** Why a step was not met, with what was seen. */
export interface Failure {
  reason: "no-such-frame" | "unexpected-frame" | "closed" | "other-status" | "opened";
  /** The HTTP status, where a handshake was refused with another one than was expected. */
  status?: number;
  closed?: Closed;
  frame?: Frame;
  differences?: readonly Mismatch[];
}

/** One step that was run; `ms` is how long it took. */
export interface Played {
  line: number;
  step: Step["kind"];
  as?: string;
  met: boolean;
  ms: number;
  failure?: Failure;
}

export interface Stage {
  open(subscription: Subscription): Promise<Session>;
  onFrame(frame: Frame, as: string): void | Promise<void>;
  onStep(step: Step, played: Played): void;
  signal: AbortSignal;
}

/** The clients by name, and when one of them last did something: what is unexpected has come since then. */
interface Scene extends Stage {
  cast: Map<string, Participant>;
  actedAt: number;
}

type StepOf<K extends Step["kind"]> = Extract<Step, { kind: K }>;

/**
 * Runs the steps in order up to the first that is not met, and closes all that is open. Throws a
 * HandshakeError where a client cannot be opened that is to be, and the signal's reason.
 */
export async function play(steps: readonly Step[], stage: Stage): Promise<Played[]> {
  const scene: Scene = { ...stage, cast: new Map(), actedAt: 0 };
  const run: Played[] = [];
  try {
    for (const step of steps) {
      stage.signal.throwIfAborted();
      const startedAt = performance.now();
      if (step.kind === "open" || step.kind === "send" || step.kind === "close") scene.actedAt = startedAt;
      const failure = await acts[step.kind](step as never, scene);
      const played: Played = {
        line: step.line,
        step: step.kind,
        ...("as" in step && { as: step.as }),
        met: failure === undefined,
        ms: Math.round(performance.now() - startedAt),
        ...(failure && { failure }),
      };
      run.push(played);
      stage.onStep(step, played);
      if (failure) break;
    }
    return run;
  } finally {
    await Promise.all([...scene.cast.values()].map(({ session }) => session.close()));
  }
}

/** What is done in each kind of step; a failure where it is not met. */
const acts: { [K in Step["kind"]]: (step: StepOf<K>, scene: Scene) => Promise<Failure | undefined> } = {
  async open({ as, subscription, expectStatus }, { open, cast, onFrame }) {
    let session: Session;
    try {
      session = await open(subscription);
    } catch (error) {
      const status = statusOf(error);
      if (expectStatus === undefined || status === undefined) throw error;
      return status === expectStatus ? undefined : { reason: "other-status", status };
    }
    cast.set(
      as,
      participant(session, (frame) => onFrame(frame, as)),
    );
    return expectStatus === undefined ? undefined : { reason: "opened" };
  },
  async send({ as, text }, { cast, onFrame }) {
    const client = memberOf(cast, as);
    const frame = await client.session.send(text);
    if (!frame) return { reason: "closed", closed: await client.session.closed };
    await onFrame(frame, as);
    return undefined;
  },
  async expect({ as, expectation: { compare }, withinMs }, { cast, signal }) {
    const client = memberOf(cast, as);
    let nearest: { frame: Frame; matched: number; differences: readonly Mismatch[] } | undefined;
    const arrival = await client.take(
      (frame) => {
        const { matched, differences } = compare(frame);
        if (differences.length > 0 && matched > (nearest?.matched ?? 0))
          nearest = { frame, matched, differences };
        return differences.length === 0;
      },
      performance.now() + withinMs,
      signal,
    );
    if (arrival) return undefined;
    const closed = client.ended();
    const { frame, differences } = nearest ?? {};
    return {
      reason: closed ? "closed" : "no-such-frame",
      ...(closed && { closed }),
      ...(frame && { frame }),
      ...(differences && { differences }),
    };
  },
  async expectNothing({ as, forMs }, { cast, signal, actedAt }) {
    const client = memberOf(cast, as);
    const arrival = await client.take((_frame, atMs) => atMs >= actedAt, performance.now() + forMs, signal);
    if (arrival) return { reason: "unexpected-frame", frame: arrival.frame };
    const closed = client.ended();
    return closed && { reason: "closed", closed };
  },
  async close({ as, code }, { cast }) {
    await memberOf(cast, as).session.close(code);
    cast.delete(as);
    return undefined;
  },
  async pause({ ms }, { signal }) {
    await delay(ms, undefined, { signal });
    return undefined;
  },
};

const statusOf = (error: unknown): number | undefined =>
  error instanceof HandshakeError && error.failure.kind === "status" ? error.failure.status : undefined;

/** The script was read as a whole: a client that acts here is open. */
function memberOf(cast: Scene["cast"], as: string): Participant {
  const found = cast.get(as);
  if (!found) throw new Error(`${as} is not open`);
  return found;
}
