import { endingChecks } from "./ending-checks.ts";
import { entryChecks } from "./entry-checks.ts";
import { messageChecks } from "./message-checks.ts";
import { openProbe, type Endpoint, type Probe, type Subject } from "./probe.ts";
import { registerChecks } from "./register-checks.ts";
import { signatureChecks } from "./signature-checks.ts";
import { notAsked, type Check, type Need, type Verdict } from "./verdict.ts";

/** Every check, in the order in which they run: what the later ones build on comes first. One more is one more entry in its file. */
export const checks: readonly Check[] = [...entryChecks, ...registerChecks, ...signatureChecks, ...messageChecks, ...endingChecks];

/** One row of the result. */
export type CheckRow = { id: string; title: string } & Verdict;

export interface CheckOptions {
  signal: AbortSignal;
  /** Hears each row as soon as it is known. */
  onRow?: (row: CheckRow) => void;
  budgetsMs?: Readonly<Record<Endpoint, number>>;
  /** For the whole run, in milliseconds; what was not reached by then is "not asked". */
  limitMs: number;
}

/** So many requests without an answer say enough about a backend. */
const SILENCES_AT_MOST = 3;

/** Runs every check against a backend, one after another, and disconnects what they registered. Rejects only when `signal` is aborted. */
export async function checkBackend(subject: Subject, { signal, onRow, budgetsMs, limitMs }: CheckOptions): Promise<CheckRow[]> {
  const probe = openProbe(subject, { signal, ...(budgetsMs ? { budgetsMs } : {}) });
  const endsAt = performance.now() + limitMs;
  const rows: CheckRow[] = [];
  try {
    for (const check of checks) {
      signal.throwIfAborted();
      const row = { id: check.id, title: check.title, ...(await verdictOf(check, probe, endsAt)) };
      rows.push(row);
      onRow?.(row);
    }
  } finally {
    await probe.cleanUp();
    probe.close();
  }
  return rows;
}

async function verdictOf(check: Check, probe: Probe, endsAt: number): Promise<Verdict> {
  const obstacle = obstacleTo(check, probe, endsAt);
  return obstacle === undefined ? await check.run(probe) : notAsked(obstacle);
}

const isThere =
  (endpoint: Endpoint) =>
  ({ findings: { missing } }: Probe): string | undefined =>
    missing.has(endpoint) ? `there is no endpoint for ${endpoint}, see above` : undefined;

/** Why what a need asks for is not there; undefined where it is. */
const lacking: Readonly<Record<Need, (probe: Probe) => string | undefined>> = {
  register: isThere("register"),
  message: isThere("message"),
  disconnect: isThere("disconnect"),
  keys: ({ subject: { keys } }) => (keys.length === 0 ? "no signing key is known: set SIGNING_KEYS, or deploy" : undefined),
  entry: ({ findings: { isLetIn } }) => (isLetIn ? undefined : "the backend lets no request of this check in, see above"),
  connection: ({ findings: { connection } }) =>
    connection === undefined ? "no handshake was accepted, so there is no connection to send from" : undefined,
};

function obstacleTo(check: Check, probe: Probe, endsAt: number): string | undefined {
  const { isReachable, silences } = probe.findings;
  if (check !== checks[0] && !isReachable) return "the backend cannot be reached";
  if (performance.now() > endsAt) return "the time for the whole check was up";
  if (silences >= SILENCES_AT_MOST && check.id !== "times") return `${silences} requests stayed without an answer`;
  return check.needs?.map((need) => lacking[need](probe)).find((reason) => reason !== undefined);
}
