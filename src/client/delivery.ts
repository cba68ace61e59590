import { CliError } from "../errors/error.ts";
import type { Expectation } from "./expectation.ts";
import { participant, type Participant } from "./participant.ts";
import type { Frame, Session } from "./session.ts";

/**
 * One client's part: when the message reached it, in milliseconds after the sending; null where it did not.
 */
export interface Delivered {
  client: number;
  ms: number | null;
  /** The code that its connection was closed with, where it was. */
  closed?: number;
}

/** What became of a message that one of several clients sent. */
export interface Delivery {
  clients: number;
  /** How long the opening of all took, in milliseconds. */
  openMs: number;
  deliveries: Delivered[];
}

export interface DeliveryOptions {
  clients: number;
  text: string;
  /**
   * What the others must receive, each of them. Of none the first frame after the sending counts, which goes
   * out when each client has had what a backend gives new ones.
   */
  expected: readonly Expectation[];
  withinMs: number;
  open(): Promise<Session>;
  onFrame(frame: Frame, client: number): void | Promise<void>;
  signal: AbortSignal;
}

/** As many handshakes at once as a small backend takes without trouble. */
const OPENED_AT_ONCE = 10;
/** What a backend gives a new client comes within a second. */
const GREETING_MS = 1_000;

/**
 * Opens several clients, sends a message as the first one and waits until all others have received it. Ends
 * as soon as they have, and closes them all. Throws a HandshakeError when one of them cannot be opened, and a
 * CliError (exit 2) where nothing is expected and frames come all the time.
 */
export async function deliver(options: DeliveryOptions): Promise<Delivery> {
  const { clients, text, withinMs, onFrame } = options;
  const startedAt = performance.now();
  const opened: Participant[] = [];
  try {
    while (opened.length < clients) await openSome(options, opened);
    const [first, ...others] = opened;
    const openMs = performance.now() - startedAt;
    if (options.expected.length === 0) await greeted(others, options);
    const sentAt = performance.now();
    const sent = await first?.session.send(text);
    if (sent) await onFrame(sent, 1);
    const until = sentAt + withinMs;
    const deliveries = await Promise.all(
      others.map(async (other, index) => {
        const ms = sent ? await received(other, options, sentAt, until) : null;
        const closed = other.ended()?.code;
        return { client: index + 2, ms, ...(ms === null && closed !== undefined && { closed }) };
      }),
    );
    return { clients, openMs: Math.round(openMs), deliveries };
  } finally {
    await Promise.all(opened.map(({ session }) => session.close()));
  }
}

async function openSome(
  { clients, open, onFrame, signal }: DeliveryOptions,
  opened: Participant[],
): Promise<void> {
  signal.throwIfAborted();
  const count = Math.min(OPENED_AT_ONCE, clients - opened.length);
  const opening = await Promise.allSettled(Array.from({ length: count }, () => open()));
  for (const one of opening) {
    if (one.status === "rejected") continue;
    const client = opened.length + 1;
    opened.push(participant(one.value, (frame) => onFrame(frame, client)));
  }
  const failed = opening.find((one) => one.status === "rejected");
  if (failed) throw failed.reason;
}

/** Waits until no client has received anything for a while. */
async function greeted(
  others: readonly Participant[],
  { withinMs, signal }: Pick<DeliveryOptions, "withinMs" | "signal">,
): Promise<void> {
  const limit = performance.now() + GREETING_MS + withinMs;
  const isQuiet = async (other: Participant): Promise<void> => {
    if (performance.now() >= limit)
      throw new CliError(
        "value-missing",
        "the clients receive frames all the time, before anything is sent",
        {
          hint: "say with --expect which frame the message becomes",
        },
      );
    if (await other.take(() => true, performance.now() + GREETING_MS, signal)) await isQuiet(other);
  };
  await Promise.all(others.map(isQuiet));
}

/** When all that is expected was received, in milliseconds after the sending. */
async function received(
  other: Participant,
  { expected, signal }: DeliveryOptions,
  sentAt: number,
  until: number,
): Promise<number | null> {
  const wanted =
    expected.length > 0
      ? expected.map(
          ({ compare }) =>
            (frame: Frame) =>
              compare(frame).differences.length === 0,
        )
      : [(_frame: Frame, atMs: number) => atMs >= sentAt];
  let last = 0;
  for (const one of wanted) {
    const arrival = await other.take((frame, atMs) => atMs >= sentAt && one(frame, atMs), until, signal);
    if (!arrival) return null;
    last = Math.max(last, arrival.atMs - sentAt);
  }
  return Math.round(last * 10) / 10;
}
