import { endingChecks } from "./ending-checks.ts";
import { entryChecks } from "./entry-checks.ts";
import { messageChecks } from "./message-checks.ts";
import { openProbe, type Endpoint, type Probe, type Subject } from "./probe.ts";
import { registerChecks, withoutConnection } from "./register-checks.ts";
import { signatureChecks } from "./signature-checks.ts";
import { notAsked, type Check, type Need, type Verdict } from "./result.ts";

/**
 * What the checks are about, in the order in which they run: what the later ones build on comes first. One
 * more is one more entry in its file.
 */
const topics: Readonly<Record<string, readonly Check[]>> = {
  "the way in": entryChecks,
  handshakes: registerChecks,
  signatures: signatureChecks,
  messages: messageChecks,
  endings: endingChecks,
};

/** Every check. */
export const checks = Object.entries(topics).flatMap(([topic, those]) =>
  those.map((check) => ({ ...check, topic })),
);

/** One row of the result. */
export type CheckRow = { id: string; title: string; topic: string } & Verdict;

export interface CheckOptions {
  signal: AbortSignal;
  /** Hears each row as soon as it is known. */
  onRow?: (row: CheckRow) => void;
  /** For the whole run, in milliseconds; what was not reached by then is "not asked". */
  limitMs: number;
}

/** So many requests without an answer say enough about a backend. */
const SILENCES_AT_MOST = 3;

/**
 * Runs every check against a backend, one after another, and disconnects what they registered. Rejects only
 * when `signal` is aborted.
 */
export async function checkBackend(
  subject: Subject,
  { signal, onRow, limitMs }: CheckOptions,
): Promise<CheckRow[]> {
  const probe = openProbe(subject, { signal });
  const endsAt = performance.now() + limitMs;
  const rows: CheckRow[] = [];
  try {
    for (const check of checks) {
      signal.throwIfAborted();
      const row = {
        id: check.id,
        title: check.title,
        topic: check.topic,
        ...(await verdictOf(check, probe, endsAt)),
      };
      rows.push(row);
      onRow?.(row);
    }
  } finally {
    await probe.cleanUp();
    probe.close();
  }
  return rows;
}

async function verdictOf(check: (typeof checks)[number], probe: Probe, endsAt: number): Promise<Verdict> {
  return obstacleTo(check, probe, endsAt) ?? (await check.run(probe));
}

const isThere =
  (endpoint: Endpoint) =>
  ({ findings: { missing } }: Probe): Verdict | undefined => {
    const why = missing.get(endpoint);
    return why === undefined ? undefined : notAsked(`${why}, see above`);
  };

/** The verdict where what a need asks for is not there; undefined where it is. */
const lacking: Readonly<Record<Need, (probe: Probe) => Verdict | undefined>> = {
  register: isThere("register"),
  message: isThere("message"),
  disconnect: isThere("disconnect"),
  keys: ({ subject: { keys } }) =>
    keys.length === 0 ? notAsked("no signing key is known: set SIGNING_KEYS, or deploy", "keys") : undefined,
  entry: ({ findings: { isLetIn }, subject: { keys } }) =>
    isLetIn
      ? undefined
      : notAsked(
          "the backend lets no request of this check in, see above",
          keys.length === 0 ? "keys" : undefined,
        ),
  connection: (probe) =>
    probe.findings.connection === undefined
      ? withoutConnection(probe, "no handshake was accepted, so there is no connection to ask about")
      : undefined,
};

function obstacleTo(check: (typeof checks)[number], probe: Probe, endsAt: number): Verdict | undefined {
  const { isReachable, silences } = probe.findings;
  if (check !== checks[0] && !isReachable) return notAsked("the backend cannot be reached");
  if (performance.now() > endsAt) return notAsked("the time for the whole check was up");
  if (silences >= SILENCES_AT_MOST && check.id !== "times")
    return notAsked(`${silences} requests stayed without an answer`);
  return check.needs?.map((need) => lacking[need](probe)).find((verdict) => verdict !== undefined);
}
