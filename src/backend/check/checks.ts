import type { Endpoint } from "../../contract/envelope.ts";
import { isAnswered, wordsOf } from "./answer.ts";
import { endingChecks } from "./ending-checks.ts";
import { entryChecks, unanswered } from "./entry-checks.ts";
import { messageChecks } from "./message-checks.ts";
import { openProbe, type Probe, type Subject } from "./probe.ts";
import { registerChecks, withoutConnection } from "./register-checks.ts";
import { signatureChecks } from "./signature-checks.ts";
import { skipped, type Check, type Need, type Result } from "./result.ts";

/** The topics in the order in which they run: later checks need earlier ones. */
const topics: Readonly<Record<string, readonly Check[]>> = {
  entry: entryChecks,
  handshakes: registerChecks,
  signatures: signatureChecks,
  messages: messageChecks,
  endings: endingChecks,
};

/** Every check. */
export const checks = Object.entries(topics).flatMap(([topic, those]) =>
  those.map((check) => ({ ...check, topic })),
);

/** The result of one check. */
export type CheckRow = { id: string; title: string; topic: string } & Result;

/** What a run found. */
export interface CheckReport {
  rows: CheckRow[];
  /** The version of the kit that the backend says it uses; undefined where it names none. */
  kit: string | undefined;
}

export interface CheckOptions {
  signal: AbortSignal;
  /** Hears each row as soon as it is known. */
  onRow?: (row: CheckRow) => void;
  /** For the whole run, in milliseconds; checks that were not reached by then are skipped. */
  limitMs: number;
  /** Which checks, by their ids; all where left out. */
  only?: (id: string) => boolean;
}

/** After this many requests without an answer the rest is skipped. */
const MAX_TIMEOUTS = 3;

/**
 * Runs every check against a backend, one after another, and disconnects what they registered. Rejects only
 * when `signal` is aborted.
 */
export async function checkBackend(
  subject: Subject,
  { signal, onRow, limitMs, only = () => true }: CheckOptions,
): Promise<CheckReport> {
  const probe = openProbe(subject, { signal });
  const endsAt = performance.now() + limitMs;
  const rows: CheckRow[] = [];
  try {
    for (const check of checks.filter(({ id }) => only(id))) {
      signal.throwIfAborted();
      const { id, title, topic } = check;
      const row = { id, title, topic, ...(await resultOf(check, probe, endsAt)) };
      rows.push(row);
      onRow?.(row);
    }
  } finally {
    if (probe.findings.endedAt === undefined) await probe.cleanUp();
    probe.close();
  }
  return { rows, kit: probe.findings.kit };
}

async function resultOf(check: (typeof checks)[number], probe: Probe, endsAt: number): Promise<Result> {
  const obstacle = obstacleTo(check, probe, endsAt);
  if (obstacle) return obstacle;
  const { broken } = probe.findings;
  const result = await check.run(probe);
  if (check === checks[0] || probe.findings.broken === broken) return result;
  return (await endOf(check, probe, result)) ?? result;
}

/** The failure where the backend has ended meanwhile: everything after it has the same cause. */
async function endOf(
  { title }: (typeof checks)[number],
  probe: Probe,
  { outcome, meaning, fix }: Result,
): Promise<Result | undefined> {
  const exchange = await probe.unsignedRequest("disconnect", "{}");
  if (isAnswered(exchange)) return undefined;
  probe.findings.endedAt = title;
  const cause = unanswered(
    exchange,
    `the backend no longer answers: ${wordsOf(exchange)}`,
    "it ended during this check, or something in front of it did",
  );
  return outcome === "failed" && meaning && fix ? { ...cause, meaning, fix } : cause;
}

const isThere =
  (endpoint: Endpoint) =>
  ({ findings: { unusable } }: Probe): Result | undefined => {
    const why = unusable.get(endpoint);
    return why === undefined ? undefined : skipped(`${why}, see above`);
  };

/** The result where a need is not met; undefined where it is. */
const unmet: Readonly<Record<Need, (probe: Probe) => Result | undefined>> = {
  register: isThere("register"),
  message: isThere("message"),
  disconnect: isThere("disconnect"),
  keys: ({ subject: { keys } }) =>
    keys.length === 0 ? skipped("no signing key: set SIGNING_KEYS, or deploy", "keys") : undefined,
  entry: ({ findings: { isAccepted }, subject: { keys } }) =>
    isAccepted
      ? undefined
      : skipped(
          "the backend rejects the check's requests, see above",
          keys.length === 0 ? "keys" : undefined,
        ),
  connection: (probe) =>
    probe.findings.connection === undefined
      ? withoutConnection(probe, "no handshake was accepted, so there is no connection to test with")
      : undefined,
};

function obstacleTo(check: (typeof checks)[number], probe: Probe, endsAt: number): Result | undefined {
  const { isReachable, timeouts, endedAt } = probe.findings;
  if (endedAt !== undefined) return skipped(`the backend no longer answers since "${endedAt}"`);
  if (check !== checks[0] && !isReachable) return skipped("the backend cannot be reached");
  if (performance.now() > endsAt) return skipped("the time for the whole check is over");
  if (timeouts >= MAX_TIMEOUTS && check.id !== "times") return skipped(`${timeouts} requests timed out`);
  return check.needs?.map((need) => unmet[need](probe)).find((result) => result !== undefined);
}
