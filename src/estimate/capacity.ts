import { firstQuotas as quotas } from "../contract/quotas.ts";
import { ratesOf, type Load, type Rates } from "./load.ts";

/** Who can raise a limit: AWS on request, no one, or who runs the backend. */
type Raised = "on request" | "never" | "by you";

/** One thing that can break, with what is needed of it and what there is. */
export interface CapacityLine {
  id: string;
  what: string;
  needed: number;
  /** Null where it is not known. */
  quota: number | null;
  unit: string;
  /** At how many connections it is reached, with all else as it is; null where they do not decide it. */
  reachedAt: number | null;
  raised: Raised;
  advice: string;
}

/** How many requests a second the backend answers, where that is known. */
interface Given {
  backendRate: number | undefined;
}

/** How many connections the handler serves at once, and about how long one frame takes, in ms. */
const FRAMES_AT_ONCE = 25;
const FRAME_MS = 20;

interface Limit {
  id: string;
  what: string;
  unit: string;
  needed(rates: Rates, load: Load): number;
  quota: number | ((given: Given) => number | null);
  raised: Raised;
  advice: string;
  /** The number of connections does not decide it. */
  isFixed?: true;
}

/** What a load meets. */
const limits: readonly Limit[] = [
  {
    id: "connect-rate",
    what: "new connections",
    unit: "a second",
    needed: ({ connects }) => connects,
    quota: quotas.connects.rate,
    raised: "on request",
    advice: "keep connections open longer; let clients reconnect with jitter, never all at once",
  },
  {
    id: "request-rate",
    what: "API Gateway's requests, @connections among them",
    unit: "a second",
    needed: ({ connects, messages, frames }) => connects + messages + frames,
    quota: quotas.requests.rate,
    raised: "on request",
    advice: "send fewer, larger messages; send to those only who have the booking open",
  },
  {
    id: "concurrency",
    what: "Lambda's concurrent invocations",
    unit: "at once",
    needed: ({ invocations }, { invocationMs }) => (invocations * invocationMs) / 1000,
    quota: quotas.concurrency,
    raised: "on request",
    advice:
      "make the backend answer faster, as its time is the function's; new accounts have far less than 1,000",
  },
  {
    id: "fan-out",
    what: "one message to all people of a booking",
    unit: "s",
    needed: (_rates, { peoplePerBooking }) =>
      (Math.ceil(peoplePerBooking / FRAMES_AT_ONCE) * FRAME_MS) / 1000,
    quota: 29,
    raised: "never",
    advice: "split large bookings, or push from the backend in parts",
    isFixed: true,
  },
  {
    id: "message-size",
    what: "a message",
    unit: "bytes",
    needed: (_rates, { messageBytes }) => messageBytes,
    quota: 128 * 1024,
    raised: "never",
    advice: "send an address to fetch the rest from; a frame holds 32 KB",
    isFixed: true,
  },
  {
    id: "backend-rate",
    what: "the backend's requests",
    unit: "a second",
    needed: ({ backendRequests }) => backendRequests,
    quota: ({ backendRate }) => backendRate ?? null,
    raised: "by you",
    advice: "more workers with a registry that they share",
  },
];

/** What a load meets: the limit that is exceeded most comes first, what is not known last. */
export function capacityOf(load: Load, given: Given): CapacityLine[] {
  const rates = ratesOf(load);
  return limits
    .map(({ needed: need, quota: limit, isFixed, ...about }) => {
      const needed = need(rates, load);
      const quota = typeof limit === "function" ? limit(given) : limit;
      const reachedAt =
        isFixed || quota === null || needed === 0 ? null : Math.floor((load.connections * quota) / needed);
      return { ...about, needed, quota, reachedAt };
    })
    .toSorted((one, other) => shareOf(other) - shareOf(one));
}

/** How much of a limit is used: more than 1 where it is exceeded. */
export const shareOf = ({ needed, quota }: Pick<CapacityLine, "needed" | "quota">): number =>
  quota === null ? -1 : needed / quota;

/** How long it takes until all are connected again after all were cut off, in seconds. */
export const reconnectSeconds = ({ connections }: Load): number => connections / quotas.connects.rate;
