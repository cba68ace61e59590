import type { Endpoint } from "../../contract/envelope.ts";
import { isAnswered } from "./answer.ts";
import type { Unanswered } from "./exchange.ts";
import { openProbe, type Probe, type Subject } from "./probe.ts";

/**
 * Why a backend fails clients, as far as that is told apart. A code is a promise, the words beside it are
 * not.
 */
export type BackendCode =
  | "backend-unreachable"
  | "backend-host-refused"
  | "backend-redirects"
  | "backend-endpoint-missing"
  | "backend-method-refused"
  | "backend-fields-refused"
  | "backend-answer-invalid"
  | "keys-unknown"
  | "keys-missing"
  | "backend-failed"
  | "backend-refused"
  | "backend-clock-wrong"
  | "backend-slow"
  | "registry-not-shared"
  | "answers-forgotten"
  | "connection-forgotten"
  | "connection-unchecked"
  | "signature-unchecked"
  | "tolerance-short"
  | "token-unchecked"
  | "refusal-unclear"
  | "message-refused"
  | "body-limit-low"
  | "body-limit-missing"
  | "end-refused";

/** What the user may pass, so that more can be asked. */
export type Missing = "keys" | "token";

/**
 * What a question needs, or it is not asked: an endpoint that exists, a backend that accepts our requests and
 * checks their signature, keys to sign with, a registered connection.
 */
export type Requirement = Endpoint | "entry" | "checked" | "keys" | "connection";

/** What a backend is asked, with one request or several. */
export interface Question {
  id: string;
  title: string;
  requires: readonly Requirement[];
  /** Resolves with what its own judge judges, and notes in `probe.findings` what others need. */
  ask(probe: Probe): Promise<unknown>;
}

/** What came of a question. */
export type Said =
  | { kind: "unasked"; because: string; missing?: Missing | undefined }
  /** `ended`: the backend no longer answered after it. */
  | { kind: "answered"; answer: unknown; ended: Unanswered | undefined };

/** What a backend said to all that it was asked, by the questions' ids. */
export interface Conversation {
  subject: Subject;
  said: ReadonlyMap<string, Said>;
  /** The version of the kit that the backend says it uses; undefined where it names none. */
  kit: string | undefined;
}

interface ConversationOptions {
  signal: AbortSignal;
  /** For all of it, in milliseconds; what was not reached by then is not asked. */
  limitMs: number;
}

/** After this many requests without an answer nothing more is asked. */
const MAX_TIMEOUTS = 3;

/**
 * Asks a backend one question after another, the first whether it is there, and disconnects what they
 * registered. Rejects only when `signal` is aborted.
 */
export async function converse(
  subject: Subject,
  questions: readonly Question[],
  { signal, limitMs }: ConversationOptions,
): Promise<Conversation> {
  const probe = openProbe(subject, { signal });
  const endsAt = performance.now() + limitMs;
  const said = new Map<string, Said>();
  try {
    for (const question of questions) {
      signal.throwIfAborted();
      const isFirst = said.size === 0;
      said.set(
        question.id,
        obstacleTo(question, probe, { isFirst, endsAt }) ?? (await asked(question, probe)),
      );
    }
  } finally {
    if (probe.findings.endedAt === undefined) await probe.cleanUp();
    probe.close();
  }
  return { subject, said, kit: probe.findings.kit };
}

async function asked({ title, ask }: Question, probe: Probe): Promise<Said> {
  const { broken, isReachable } = probe.findings;
  const answer = await ask(probe);
  const mayHaveEnded = isReachable && probe.findings.broken !== broken;
  const ended = mayHaveEnded ? await endOf(probe) : undefined;
  if (ended) probe.findings.endedAt = title;
  return { kind: "answered", answer, ended };
}

/** How a backend that has ended meanwhile does not answer; undefined where it does. */
async function endOf(probe: Probe): Promise<Unanswered | undefined> {
  const exchange = await probe.unsignedRequest("disconnect", "{}");
  return isAnswered(exchange) ? undefined : exchange;
}

export type Unasked = Extract<Said, { kind: "unasked" }>;
const unasked = (because: string, missing?: Missing): Unasked => ({ kind: "unasked", because, missing });

const whyUnusable =
  (endpoint: Endpoint) =>
  ({ findings: { unusable } }: Probe): Unasked | undefined => {
    const why = unusable.get(endpoint);
    return why === undefined ? undefined : unasked(`${why}, see above`);
  };

/** Why a question is not asked where a requirement is not met; undefined where it is. */
const unmet: Readonly<Record<Requirement, (probe: Probe) => Unasked | undefined>> = {
  register: whyUnusable("register"),
  message: whyUnusable("message"),
  disconnect: whyUnusable("disconnect"),
  keys: ({ subject: { keys } }) =>
    keys.length === 0 ? unasked("no signing key: set SIGNING_KEYS, or deploy", "keys") : undefined,
  entry: ({ findings: { isAccepted }, subject: { keys } }) =>
    isAccepted
      ? undefined
      : unasked(
          "the backend rejects the check's requests, see above",
          keys.length === 0 ? "keys" : undefined,
        ),
  checked: ({ findings: { isUnchecked } }) =>
    isUnchecked ? unasked("the backend checks no signature, see above") : undefined,
  connection: (probe) =>
    lackOfConnection(probe, "no handshake was accepted, so there is no connection to test with"),
};

/** Why there is no registered connection to ask with; undefined where there is one. */
export function lackOfConnection({ findings, subject }: Probe, because: string): Unasked | undefined {
  if (findings.connection !== undefined) return undefined;
  if (findings.noConnection !== undefined) return unasked(`${findings.noConnection}, see above`);
  return unasked(because, subject.token === undefined ? "token" : undefined);
}

function obstacleTo(
  { id, requires }: Question,
  probe: Probe,
  { isFirst, endsAt }: { isFirst: boolean; endsAt: number },
): Unasked | undefined {
  const { isReachable, timeouts, endedAt } = probe.findings;
  if (endedAt !== undefined) return unasked(`the backend no longer answers since "${endedAt}"`);
  if (!isFirst && !isReachable) return unasked("the backend cannot be reached");
  if (performance.now() > endsAt) return unasked("the time for the whole check is over");
  if (timeouts >= MAX_TIMEOUTS && id !== "times") return unasked(`${timeouts} requests timed out`);
  return requires.map((one) => unmet[one](probe)).find((one) => one !== undefined);
}
