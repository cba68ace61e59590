import type { Envelope } from "./signed-request.ts";

/**
 * The connections of the demo backend and what it does about each event: the status and the JSON of its
 * answer.
 */
export interface Bookings {
  register(envelope: Envelope): [status: number, answer: object];
  message(envelope: Envelope): [status: number, answer: object];
  disconnect(envelope: Envelope): [status: number, answer: object];
}

interface Guest {
  name: string;
  booking: string | null;
  at: number;
}

/**
 * A connection lives two hours at most, and `$disconnect` may never come: ten minutes later it is certainly
 * gone.
 */
const lifeMs = 130 * 60_000;
const maxGuests = 10_000;

/** Keeps who is connected to which booking. `now` gives epoch milliseconds. */
export function bookings(log: (line: string) => void, now: () => number): Bookings {
  const guests = new Map<string, Guest>();
  let arrivals = 0;
  const forget = () => {
    for (const [id, { at }] of guests) {
      if (at > now() - lifeMs && guests.size <= maxGuests) return;
      guests.delete(id);
    }
  };
  const othersOf = (id: string, { booking }: Guest): string[] =>
    booking === null
      ? []
      : [...guests]
          .filter(([other, guest]) => other !== id && guest.booking === booking)
          .map(([other]) => other);
  return {
    register({ connection_id: id, token, booking_id: booking, query }) {
      if (typeof token === "string" && !/^(demo|test)/.test(token)) {
        log("refused a token");
        return [401, { detail: "token refused" }];
      }
      // The proxy asks for a token only with some types: whoever comes without one must not hear a booking.
      if (typeof token !== "string" && typeof booking === "string") {
        log("refused a booking without a token");
        return [403, { detail: "a booking takes a token" }];
      }
      arrivals += 1;
      const guest = {
        name: nameIn(query) ?? `guest-${arrivals}`,
        booking: typeof booking === "string" ? booking : null,
        at: now(),
      };
      // The console's test event names a connection that nobody holds: remembered, it would be sent
      // everybody's messages.
      const isReal = !id.startsWith("test-");
      if (isReal) guests.set(id, guest);
      forget();
      const others = othersOf(id, guest).length;
      log(`${guest.name} joined ${place(guest)}, ${others} already there`);
      const welcome = { type: "welcome", booking: guest.booking, you: guest.name, others };
      return [200, { success: true, ...(isReal ? { initial: [welcome] } : {}) }];
    },
    message({ connection_id: id, message, message_id: messageId }) {
      forget();
      const guest = guests.get(id);
      if (guest === undefined) return [401, { detail: "unknown connection" }];
      const others = othersOf(id, guest);
      log(`${guest.name} wrote to ${place(guest)}: ${others.length} to tell`);
      const ack = { to: "self", data: { type: "ack", id: messageId } };
      const news = {
        to: others,
        data: { type: "message", booking: guest.booking, from: guest.name, body: bodyOf(message) },
      };
      return [200, { deliver: others.length > 0 ? [ack, news] : [ack] }];
    },
    disconnect({ connection_id: id, reason }) {
      const guest = guests.get(id);
      guests.delete(id);
      if (guest) log(`${guest.name} left ${place(guest)}${reason === "gone" ? " without a word" : ""}`);
      return [200, { success: true }];
    },
  };
}

function place({ booking }: Guest): string {
  return booking === null ? "no booking" : `booking ${booking}`;
}

function nameIn(query: unknown): string | undefined {
  const name = (query as { name?: unknown } | undefined)?.name;
  return typeof name === "string" && /^[\w.-]{1,32}$/.test(name) ? name : undefined;
}

/** `{"body": …}` and `{"text": …}` are what people write; anything else is passed on whole. */
function bodyOf(message: unknown): unknown {
  const { body, text } =
    typeof message === "object" && message !== null ? (message as { body?: unknown; text?: unknown }) : {};
  return body ?? text ?? message;
}
