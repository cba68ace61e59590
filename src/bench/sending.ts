import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";
import { pause } from "../progress.ts";
import type WebSocket from "ws";
import { record } from "./histogram.ts";
import { bookingNumber, dueMs, senderOf, type Plan } from "./plan.ts";
import type { Run, State } from "./state.ts";

/** Sent in one go before others get their turn: reading keeps up with writing. */
const MOST_IN_A_ROW = 2_048;
/** A sender whose unsent bytes are more takes no more for now; the other senders do not wait for it. */
const MOST_BUFFERED = 64 * 1024;
const OPEN = 1;

/** Sends one message of a client whose socket is open. */
type Send = (client: number, socket: WebSocket, message: number) => void;

/**
 * Sends every message when it is due, or as soon after that as its sender takes it; what no sender has taken
 * when it would be late was not sent.
 */
export async function sendAll(run: Run, state: State): Promise<void> {
  const { plan, signal } = run;
  const send = senderFor(run, state);
  const endsAt = state.startedAt + plan.durationMs + plan.lateMs;
  const isOver = () => signal.aborted || state.open === 0 || performance.now() > endsAt;
  while ((state.next < state.intended || state.waiting.size > 0) && !isOver()) {
    let room = MOST_IN_A_ROW - sendWaiting(state, send, MOST_IN_A_ROW);
    const due = dueBy(plan, state);
    for (; room > 0 && state.next < due; room--) sendNext(plan, state, send);
    await untilNext(run, state, due);
  }
  // What a stopped run did not get to was not intended.
  if (signal.aborted) state.intended = state.next;
  state.unsent += state.intended - state.next;
  for (const waiting of state.waiting.values()) state.unsent += waiting.length;
  state.waiting.clear();
}

/** Notes up to which message all have left. */
export function noteReached(state: State): void {
  const oldest = [...state.waiting.values()].reduce(
    (least, [first = least]) => Math.min(least, first),
    state.next,
  );
  state.reached.push({ at: performance.now(), message: oldest });
}

function senderFor({ plan, send }: Run, state: State): Send {
  const parts = plan.template.split("{id}");
  const mark = state.mark.toString();
  return (client, socket, message) => {
    send(socket, parts.join(`${mark}${message}.`));
    state.sent++;
    const present = state.present[bookingNumber(plan, client)] ?? 1;
    state.tally.sent(message, plan.people === 1 ? 1 : present - 1);
    record(state.lag, performance.now() - state.startedAt - dueMs(plan, message));
  };
}

/** The first message that is not due yet. */
const dueBy = ({ rate }: Plan, { startedAt, intended }: State): number =>
  Math.min(intended, Math.floor(((performance.now() - startedAt) * rate) / 1000) + 1);

function sendNext(plan: Plan, state: State, send: Send): void {
  const message = state.next++;
  const client = senderOf(plan, message);
  const socket = openOf(state, client);
  const waiting = state.waiting.get(client);
  if (!socket) state.unsent++;
  else if (waiting) waiting.push(message);
  else if (socket.bufferedAmount > MOST_BUFFERED) state.waiting.set(client, [message]);
  else send(client, socket, message);
}

/** A client's socket, unless it is being closed. */
function openOf({ sockets }: State, client: number): WebSocket | undefined {
  const socket = sockets[client];
  return socket?.readyState === OPEN ? socket : undefined;
}

/** Sends what waited for its sender, `most` at most; returns how many. */
function sendWaiting(state: State, send: Send, most: number): number {
  let sent = 0;
  for (const [client, waiting] of state.waiting) {
    const socket = openOf(state, client);
    let taken = 0;
    if (!socket) {
      state.unsent += waiting.length;
      taken = waiting.length;
    } else
      while (taken < waiting.length && sent < most && socket.bufferedAmount <= MOST_BUFFERED) {
        send(client, socket, waiting[taken++] ?? 0);
        sent++;
      }
    waiting.splice(0, taken);
    if (waiting.length === 0) state.waiting.delete(client);
  }
  return sent;
}

/** Waits until the next message is due; what is due already waits only for others to have their turn. */
async function untilNext(
  { plan, signal }: Run,
  { next, waiting, startedAt }: State,
  due: number,
): Promise<void> {
  const restMs = startedAt + dueMs(plan, next) - performance.now();
  if (next < due) await turn();
  else if (waiting.size > 0) await delay(1);
  else if (restMs > 1) await pause(Math.max(1, restMs - 1), signal);
  else await turn();
}
