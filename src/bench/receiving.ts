import type WebSocket from "ws";
import { record } from "./histogram.ts";
import { bookingNumber, dueMs, senderOf } from "./plan.ts";
import { countReason, type Run, type State } from "./state.ts";

/** One client with its socket, which is not open yet. */
interface Listener {
  client: number;
  socket: WebSocket;
}

/** Counts what becomes of a client's socket, and what comes to it. */
export function listen(run: Run, state: State, listener: Listener): void {
  const { client, socket } = listener;
  const booking = bookingNumber(run.plan, client);
  const count = (change: 1 | -1) => {
    state.open += change;
    state.present[booking] = (state.present[booking] ?? 0) + change;
  };
  let broken = "";
  socket.on("error", (error: NodeJS.ErrnoException) => (broken ||= error.code ?? ""));
  socket.on("open", () => {
    state.sockets[client] = socket;
    count(1);
  });
  socket.on("close", (code) => {
    if (state.isClosing || state.sockets[client] === undefined) return;
    state.sockets[client] = undefined;
    count(-1);
    state.dropped++;
    countReason(state, closedBy(broken, code));
  });
  socket.on("message", (payload: Buffer) => receive(run, state, { client, payload }));
}

/** Why a socket was closed; what breaks the protocol, or our limit of 16 MB, is closed by this side. */
function closedBy(broken: string, code: number): string {
  if (broken === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") return "closed by us, as a message was too large";
  return broken.startsWith("WS_ERR_") ? "closed by us, as a frame was none" : `closed with ${code}`;
}

/** A frame at a client: a message of its booking, an answer to its own, or something else. */
function receive(
  { plan }: Run,
  state: State,
  { client, payload }: { client: number; payload: Buffer },
): void {
  const message = idIn(payload, state.mark);
  // A number that was not sent yet is of the peer's own making.
  if (message === undefined || message >= state.next) return void state.others++;
  const { people } = plan;
  const sender = senderOf(plan, message);
  if (bookingNumber(plan, sender) !== bookingNumber(plan, client)) return void state.strays++;
  const now = performance.now();
  const ms = now - state.startedAt - dueMs(plan, message);
  if (client !== sender || people === 1) {
    state.lastAt = now;
    return state.tally.received(message, client % people, ms);
  }
  if (state.tally.answered(message, client % people)) record(state.answers, ms);
  else state.answeredTwice++;
  return undefined;
}

const [zero, nine, dot] = [0x30, 0x39, 0x2e];

/** The number between the mark and a dot; undefined for a frame without one. */
function idIn(payload: Buffer, mark: Buffer): number | undefined {
  const at = payload.indexOf(mark);
  if (at < 0) return undefined;
  const first = at + mark.length;
  let id = 0;
  for (let index = first; ; index++) {
    const digit = payload[index];
    if (digit === dot && index > first) return id;
    if (digit === undefined || digit < zero || digit > nine) return undefined;
    id = id * 10 + digit - zero;
  }
}
