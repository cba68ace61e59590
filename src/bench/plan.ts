import { CliError } from "../errors/error.ts";
import { assumedLoad } from "../estimate/load.ts";
import type { Settings } from "../settings/table.ts";

/** What is done: a number of clients, who is in one booking, and how much they send. */
export interface Plan {
  connections: number;
  /** How many clients are in one booking; each message of one of them is to reach all others of it. */
  people: number;
  /** Messages per second of all clients together. */
  rate: number;
  durationMs: number;
  /** New connections per second. */
  ramp: number;
  /** A message that takes longer than this is late; what has not come so long after the end is lost. */
  lateMs: number;
  /** The booking of a client, where `{n}` stands for the booking's number. */
  booking: string;
  /** The text of a message, where `{id}` stands for its id. */
  template: string;
  /** How large a message is, with an id of common length. */
  messageBytes: number;
}

/** An id of common length: its run's mark, and its number. */
const ID = "12345678.123.";

/** The settings that a plan is made of. */
type Given = Pick<Settings, "rate" | "durationMs" | "ramp"> &
  Partial<
    Pick<
      Settings,
      "connections" | "peoplePerBooking" | "booking" | "timeoutSeconds" | "send" | "messageBytes"
    >
  >;

const CONNECTIONS = 10;
const LATE_SECONDS = 5;
const DAY_MS = 86_400_000;
/** What one process can do without being the limit itself. */
const most = { connections: 50_000, messages: 20_000_000, deliveries: 400_000_000, bytes: 1_048_576 };

/** Throws a CliError (exit 2) for settings that make no sense. */
export function planOf({
  connections = CONNECTIONS,
  peoplePerBooking,
  booking,
  timeoutSeconds = LATE_SECONDS,
  send,
  messageBytes,
  ...given
}: Given): Plan {
  // One booking for all, unless its name says that there are several.
  const isShared = booking !== undefined && !booking.includes("{n}");
  const people = isShared
    ? connections
    : (peoplePerBooking ?? Math.min(assumedLoad.peoplePerBooking, connections));
  if (isShared && peoplePerBooking !== undefined && peoplePerBooking !== connections)
    throw new CliError("options-contradict", "--people-per-booking goes with no single --booking", {
      hint: "leave it out: all clients are in that booking; or number the bookings, as in --booking 'b-{n}'",
    });
  const { rate, durationMs, ramp } = given;
  const template = templateOf(send, messageBytes);
  return checked({
    connections,
    people,
    rate,
    durationMs,
    ramp,
    lateMs: timeoutSeconds * 1000,
    booking: booking ?? "bench-{n}",
    template,
    messageBytes: Buffer.byteLength(template.replaceAll("{id}", ID)),
  });
}

/** The message as it is given, or one that the kit takes, of about that many bytes. */
function templateOf(send: readonly string[] = [], messageBytes?: number): string {
  const bytes = messageBytes ?? assumedLoad.messageBytes;
  const [given] = send;
  if (send.length > 1)
    throw new CliError("options-contradict", "bench sends one message: pass one --send", {
      hint: 'leave the others out; {id} makes each message another one, as in \'{"body":"{id}"}\'',
    });
  if (given !== undefined && messageBytes !== undefined)
    throw new CliError("options-contradict", "--message-bytes goes with no --send", {
      hint: "leave one of them out",
    });
  if (bytes > most.bytes)
    throw new CliError("value-invalid", `--message-bytes is ${most.bytes} at most; API Gateway takes 131072`);
  const padding = "x".repeat(Math.max(0, Math.round(bytes) - `{"body":"${ID} "}`.length));
  return given ?? `{"body":"{id} ${padding}"}`;
}

function checked(plan: Plan): Plan {
  const { connections, people, ramp, durationMs, template } = plan;
  const messages = messagesOf(plan);
  const faults: readonly (readonly [boolean, string])[] = [
    [!Number.isInteger(connections), "--connections has to be a whole number"],
    [connections > most.connections, `--connections is ${most.connections} at most: start several of these`],
    [!Number.isInteger(people), "--people-per-booking has to be a whole number"],
    [people > connections, "--people-per-booking is more than there are --connections"],
    [durationMs > DAY_MS, "--duration is a day at most"],
    [durationMs < 1, "--duration is less than a millisecond"],
    [(connections * 1000) / ramp > DAY_MS, "--connections and --ramp together take more than a day"],
    [messages > most.messages, `--rate and --duration make more than ${most.messages} messages`],
    [messages * people > most.deliveries, `that is more than ${most.deliveries} deliveries to keep apart`],
    [!template.includes("{id}"), "the message of --send has no {id}, by which it is known again"],
  ];
  const found = faults.find(([isWrong]) => isWrong);
  if (found) throw new CliError("value-invalid", found[1]);
  return plan;
}

/** How many messages are sent in all. */
export const messagesOf = ({ rate, durationMs }: Plan): number => Math.ceil((rate * durationMs) / 1000);

/** The number of a client's booking, from 0. */
export const bookingNumber = ({ people }: Plan, client: number): number => Math.floor(client / people);

/** The name of a client's booking. */
export const bookingOf = (plan: Plan, client: number): string =>
  plan.booking.replaceAll("{n}", String(bookingNumber(plan, client) + 1));

/** Who sends a message; the clients take turns. */
export const senderOf = ({ connections }: Plan, message: number): number => message % connections;

/** When a message is to be sent, in milliseconds since the start of sending. */
export const dueMs = ({ rate }: Plan, message: number): number => (message * 1000) / rate;
