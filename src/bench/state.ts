import { randomBytes } from "node:crypto";
import type { RecordableHistogram } from "node:perf_hooks";
import type WebSocket from "ws";
import { times } from "./histogram.ts";
import { bookingNumber, messagesOf, type Plan } from "./plan.ts";
import { tally, type Second, type Tally } from "./tally.ts";

/** How far a run is; `second` is the last one of sending. */
export interface Moment {
  phase: "opening" | "sending" | "draining";
  open: number;
  elapsedMs: number;
  second?: Second;
}

/** What a run is given. */
export interface Run {
  plan: Plan;
  /** Opens the client of that number, from 0; `listen` is called before anything can be received. */
  open(client: number, listen: (socket: WebSocket) => void): Promise<unknown>;
  send(socket: WebSocket, text: string): void;
  /** Why a handshake failed, in a word or two. */
  reasonOf(error: unknown): string;
  onMoment(moment: Moment): void;
  signal: AbortSignal;
}

/** All that is counted while a run goes on. Times are of `performance.now`. */
export interface State {
  /** How many messages are to be sent. */
  intended: number;
  tally: Tally;
  /** Begins every id of this run. */
  mark: Buffer;
  startedAt: number;
  /** When the last delivery came. */
  lastAt: number;
  /** The open ones, by the client's number. */
  sockets: (WebSocket | undefined)[];
  open: number;
  /** Open clients by booking. */
  present: number[];
  failed: number;
  dropped: number;
  reasons: Map<string, number>;
  kilobytesEach: number | null;
  /** The first message that was not due yet. */
  next: number;
  /** Messages by a sender that takes no more at the moment, in their order. */
  waiting: Map<number, number[]>;
  /** Now and then: every message before that one had left, or never would. */
  reached: { at: number; message: number }[];
  sent: number;
  unsent: number;
  others: number;
  strays: number;
  answeredTwice: number;
  opening: RecordableHistogram;
  lag: RecordableHistogram;
  answers: RecordableHistogram;
  isClosing: boolean;
}

export function newState(plan: Plan): State {
  const intended = messagesOf(plan);
  return {
    intended,
    tally: tally(intended, plan.people, plan.lateMs),
    mark: Buffer.from(`${randomBytes(6).toString("base64url")}.`),
    startedAt: 0,
    lastAt: 0,
    sockets: [],
    open: 0,
    present: Array.from({ length: bookingNumber(plan, plan.connections - 1) + 1 }, () => 0),
    failed: 0,
    dropped: 0,
    reasons: new Map(),
    kilobytesEach: null,
    next: 0,
    waiting: new Map(),
    reached: [],
    sent: 0,
    unsent: 0,
    others: 0,
    strays: 0,
    answeredTwice: 0,
    opening: times(),
    lag: times(),
    answers: times(),
    isClosing: false,
  };
}

/** Counts why a connection is not there. */
export const countReason = ({ reasons }: State, reason: string): void =>
  void reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
