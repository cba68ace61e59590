import { LONGEST_FRAME, type Envelope } from "../contract/envelope.ts";

type Answer = [status: number, answer: object];

/** The connections of the demo backend, and its answer to each event: the status and the JSON. */
export interface Bookings {
  register(envelope: Envelope): Answer;
  message(envelope: Envelope): Answer;
  disconnect(envelope: Envelope): Answer;
}

/** An open connection. */
interface Guest {
  name: string;
  booking: string | null;
  at: number;
}

/** A connection lasts two hours at most, and `$disconnect` may never come: it is forgotten after that. */
const maxAgeMs = 130 * 60_000;
const maxGuests = 10_000;
/** A connection that is still opening answers 410 like one that is gone, as in the kit. */
const OPENING_MS = 10_000;

/** Remembers which connection belongs to which booking. `now` gives epoch milliseconds. */
export function bookings(log: (line: string) => void, now: () => number): Bookings {
  const guests = guestList(now);
  let arrivals = 0;
  return {
    register(envelope) {
      const refusal = refusalOf(envelope);
      if (refusal) {
        log(refusal.line);
        return refusal.answer;
      }
      arrivals += 1;
      const { connection_id: id } = envelope;
      const guest = guestIn(envelope, `guest-${arrivals}`, now());
      // A test event's connection does not exist: stored, it would be sent every message of the booking.
      const isReal = !id.startsWith("test-");
      if (isReal) guests.add(id, guest);
      const others = guests.othersOf(id, guest).length;
      log(`${guest.name} joined ${place(guest)}, ${others} already there`);
      const welcome = { type: "welcome", booking: guest.booking, you: guest.name, others };
      return [200, { success: true, ...(isReal ? { initial: [welcome] } : {}) }];
    },
    message({ connection_id: id, message, message_id: messageId }) {
      const guest = guests.get(id);
      if (guest === undefined) return [401, { detail: "unknown connection" }];
      const { name: from, booking } = guest;
      const data = { type: "message", booking, from, body: bodyOf(message) };
      if (!fitsIntoFrame(data)) {
        log(`${from} wrote more than one frame holds`);
        return [413, { detail: "the message does not fit into a frame of 128 KB" }];
      }
      const others = guests.othersOf(id, guest);
      log(`${from} wrote to ${place(guest)}: ${count(others.length, "receiver")}`);
      const ack = { to: "self", data: { type: "ack", id: messageId } };
      return [200, { deliver: others.length > 0 ? [ack, { to: others, data }] : [ack] }];
    },
    disconnect({ connection_id: id, reason }) {
      const present = guests.get(id);
      const isOpening = reason === "gone" && present !== undefined && now() - present.at < OPENING_MS;
      const guest = isOpening ? undefined : guests.remove(id);
      if (guest)
        log(`${guest.name} left ${place(guest)}${reason === "gone" ? " without a close event" : ""}`);
      return [200, { success: true }];
    },
  };
}

/** A longer frame reaches no client. What is nested too deeply to be written is refused with 422 later. */
function fitsIntoFrame(data: object): boolean {
  try {
    return Buffer.byteLength(JSON.stringify(data)) <= LONGEST_FRAME;
  } catch (error) {
    if (error instanceof RangeError) return true;
    throw error;
  }
}

/** The guests by connection id; the oldest are forgotten. */
function guestList(now: () => number) {
  const guests = new Map<string, Guest>();
  const forget = () => {
    for (const [id, { at }] of guests) {
      if (at > now() - maxAgeMs && guests.size <= maxGuests) return;
      guests.delete(id);
    }
  };
  return {
    add(id: string, guest: Guest) {
      guests.set(id, guest);
      forget();
    },
    get(id: string): Guest | undefined {
      forget();
      return guests.get(id);
    },
    remove(id: string): Guest | undefined {
      const guest = guests.get(id);
      guests.delete(id);
      return guest;
    },
    /** The connection ids of the same booking. */
    othersOf(id: string, { booking }: Guest): string[] {
      if (booking === null) return [];
      const same = [...guests].filter(([other, guest]) => other !== id && guest.booking === booking);
      return same.map(([other]) => other);
    },
  };
}

/** Why a client is not accepted: the answer, and the line of the log. */
function refusalOf({ token, booking_id: booking }: Envelope): { line: string; answer: Answer } | undefined {
  if (typeof token === "string") {
    if (/^(demo|test)/.test(token)) return undefined;
    return { line: "refused a token", answer: [401, { detail: "token refused" }] };
  }
  // The proxy requires a token for some types only: without one, a booking is not accepted.
  if (typeof booking !== "string") return undefined;
  const answer: Answer = [403, { detail: "a booking requires a token" }];
  return { line: "refused a booking without a token", answer };
}

const guestIn = ({ booking_id: booking, query }: Envelope, name: string, at: number): Guest => ({
  name: nameIn(query) ?? name,
  booking: typeof booking === "string" ? booking : null,
  at,
});

const place = ({ booking }: Guest): string => (booking === null ? "no booking" : `booking ${booking}`);
const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;

function nameIn(query: unknown): string | undefined {
  const name = (query as { name?: unknown } | undefined)?.name;
  return typeof name === "string" && /^[\w.-]{1,32}$/.test(name) ? name : undefined;
}

/** The text of `{"body": …}` and `{"text": …}`; anything else is passed on whole. */
function bodyOf(message: unknown): unknown {
  const { body, text } =
    typeof message === "object" && message !== null ? (message as { body?: unknown; text?: unknown }) : {};
  return body ?? text ?? message;
}
