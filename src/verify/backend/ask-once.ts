import { command, deployAgain, giveKeys, joined, type Advice } from "../../errors/advice.ts";
import { redactUrl } from "../../settings/redact.ts";
import {
  explainUnanswered,
  firstLineOf,
  isAnswered,
  isForeignHost,
  isGood,
  isUnauthorized,
  wordsOf,
} from "./answer.ts";
import type { Answered, Exchange } from "./exchange.ts";
import { markedConnection, openProbe, type Subject } from "./probe.ts";
import type { BackendCode } from "./conversation.ts";

/**
 * Sends a backend the one signed request that does no harm, the end of a connection that never existed, over
 * its own TCP connection.
 */
export async function askSigned(subject: Subject, { signal }: { signal: AbortSignal }): Promise<Exchange> {
  const probe = openProbe(subject, { signal });
  try {
    return await probe.disconnect(markedConnection());
  } finally {
    probe.close();
  }
}

/** What one request can tell. */
type AskedCode = Extract<
  BackendCode,
  | "backend-unreachable"
  | "backend-host-refused"
  | "keys-unknown"
  | "keys-missing"
  | "backend-endpoint-missing"
  | "backend-fields-refused"
  | "backend-failed"
  | "backend-refused"
>;

/** What a backend says to this machine. A code is a promise, the meaning is not. */
export interface BackendProbe {
  code: "reached" | AskedCode;
  /** Without user, password and secrets in the address. */
  backendUrl: string;
  meaning: string;
  /** What to do now; null where there is nothing to be done. */
  fix: Advice | null;
}

interface ProbeRow {
  code: BackendProbe["code"];
  when(answer: Answered, subject: Subject): boolean;
  meaning(answer: Answered, subject: Subject): string;
  fix(subject: Subject): Advice | null;
}

const quoted = (answer: Answered): string => {
  const words = firstLineOf(answer);
  return words === "" ? "" : `: ${words}`;
};
const check: Advice = ["this shows what the contract asks for: ", command("backend check")];
const hasStatus =
  (...statuses: readonly number[]) =>
  ({ status }: Answered): boolean =>
    statuses.includes(status);

/** A fix, and what to do where the function has a wrong address. */
export const orOtherAddress = (fix: Advice): Advice =>
  joined([fix, ["if the address is wrong: ", command("env", {}, "set", "BACKEND_URL=URL")]], "; ");

/** By the answer to a signed request; the first row that fits. */
const rows: readonly ProbeRow[] = [
  { code: "reached", when: isGood, meaning: () => "the backend accepts signed requests", fix: () => null },
  {
    code: "backend-host-refused",
    when: isForeignHost,
    meaning: (answer, { backendUrl }) =>
      `the backend takes requests under other host names than ${new URL(backendUrl).hostname} only` +
      ` (${answer.status}${quoted(answer)})`,
    fix: ({ backendUrl }) =>
      `add ${new URL(backendUrl).hostname} to its host names (allowed_hosts of TrustedHostMiddleware)`,
  },
  {
    code: "keys-missing",
    when: (answer, { keys }) => isUnauthorized(answer) && keys.length === 0,
    meaning: () => "the backend takes signed requests only, and the function has no signing key",
    fix: () => ["deploy creates a key: ", deployAgain],
  },
  {
    code: "keys-unknown",
    when: isUnauthorized,
    meaning: () => "the backend does not know the function's signing keys",
    fix: () => giveKeys(command("test")),
  },
  {
    code: "backend-endpoint-missing",
    when: hasStatus(404, 405),
    meaning: ({ status }, { paths }) => `the backend has no endpoint POST ${paths.disconnect} (${status})`,
    fix: () => [
      "include the router, or check the path of the backend's address; this shows each endpoint: ",
      command("backend check"),
    ],
  },
  {
    code: "backend-fields-refused",
    when: hasStatus(422),
    meaning: (answer) => `the backend expects other fields than the envelope's (422${quoted(answer)})`,
    fix: () => check,
  },
  {
    code: "backend-failed",
    when: ({ status }) => status >= 500,
    meaning: (answer) => `the backend fails (${answer.status}${quoted(answer)})`,
    fix: () => "check the backend's log for the exception",
  },
  {
    code: "backend-refused",
    when: () => true,
    meaning: (answer) => `the backend refuses a signed request (${answer.status}${quoted(answer)})`,
    fix: () => check,
  },
];

/**
 * Asks a backend once, from this machine, as the handler will. Rejects only when `signal` is aborted; a
 * backend without a signature check accepts any keys.
 */
export async function probeBackend(
  subject: Subject,
  { signal }: { signal: AbortSignal },
): Promise<BackendProbe> {
  const exchange = await askSigned(subject, { signal });
  signal.throwIfAborted();
  return probeOf(exchange, subject);
}

/** What the answer to a signed request says of a backend. */
export function probeOf(exchange: Exchange, subject: Subject): BackendProbe {
  const backendUrl = redactUrl(subject.backendUrl);
  if (!isAnswered(exchange)) {
    const { meaning, hint } = explainUnanswered(exchange);
    return { code: "backend-unreachable", backendUrl, meaning, fix: hint };
  }
  const row = rows.find(({ when }) => when(exchange, subject));
  if (!row) return { code: "backend-refused", backendUrl, meaning: wordsOf(exchange), fix: check };
  return { code: row.code, backendUrl, meaning: row.meaning(exchange, subject), fix: row.fix(subject) };
}
