import type { Aws } from "../aws/clients.ts";
import type { CodeOwner } from "../aws/tags.ts";
import {
  backendKeys,
  command,
  deployAgain,
  isInvocation,
  partsOf,
  type Invocation,
} from "../errors/advice.ts";
import { explain } from "../errors/explain.ts";
import type { Progress, Report } from "../progress.ts";
import type { Settings } from "../settings/table.ts";
import type { BackendProbe } from "./backend/ask-once.ts";
import type { Code } from "./check.ts";
import type { Names } from "./evidence.ts";
import { examine, isBad, type CheckLine } from "./examine.ts";
import type { TestOptions } from "./invoke.ts";
import type { Diagnosis, FindingCode } from "./judge.ts";
import type { Unproven } from "./unproven.ts";

/** How a deploy ends: the doctor's checks of the path itself, as far as a made-up client can go. */
export interface SmokeTest {
  /** Whether a message gets through the whole path. */
  passed: boolean;
  /** The check that tells why what was deployed does not work; null where it does, whatever its backend. */
  fault: string | null;
  checks: CheckLine[];
}

/** Of whom the smoke test connects, and to what. */
export type SmokeTestOptions = Omit<Names, "region"> &
  Pick<Settings, "booking" | "token" | "type"> & {
    owner: CodeOwner;
    /** The release that served before; null where there was none. */
    before: string | null;
  };

interface SmokeTestRun {
  aws: Aws;
  report: Report;
  signal: AbortSignal;
  timeScale: number;
}

const ID = "smoke-test";
const TITLE = "test event and a real WebSocket";

/** Tests the path that was just deployed, whose clients connect at `url`. */
export async function smokeTest(
  url: string,
  { booking, token, type, owner, before, ...options }: SmokeTestOptions,
  { report, ...run }: SmokeTestRun,
): Promise<SmokeTest> {
  const startedAt = performance.now();
  report({ kind: "started", id: ID, title: TITLE });
  const [{ openEvidence }, { pathReaders }, { proofChecks }] = await Promise.all([
    import("./evidence.ts"),
    import("./path-readers.ts"),
    import("./selections.ts"),
  ]);
  const names = { ...options, region: run.aws.region };
  const isThere = () => Promise.resolve();
  const way = { address: () => Promise.resolve(url), usable: isThere, served: isThere };
  const client = { booking, token, type, backendUrl: undefined };
  const readers = {
    names: () => Promise.resolve(names),
    owner: () => Promise.resolve(owner),
    ...pathReaders({ ...run, names, client }, way),
  };
  const checks = await examine(proofChecks, openEvidence(readers));
  run.signal.throwIfAborted();
  const first = testedBy(checks, { owner });
  const isOpen = first.fault === null && !first.passed && before !== null && owner !== "own";
  const asked = { ...options, booking, token, type, owner, release: before ?? undefined };
  const fault = isOpen ? worseThan(await diagnosisOf(asked, { ...run, report }), checks) : null;
  const tested = { ...first, fault: first.fault ?? fault };
  report(ending(tested, performance.now() - startedAt));
  return tested;
}

/** How far the release before gets with the same client; undefined where that cannot be told. */
async function diagnosisOf(
  asked: TestOptions,
  { aws, signal, report }: SmokeTestRun,
): Promise<Diagnosis | undefined> {
  const { testFunction } = await import("./invoke.ts");
  try {
    return await testFunction(aws, asked, signal);
  } catch (error) {
    signal.throwIfAborted();
    const why = explain(error).message;
    report({ kind: "warning", message: `how far the release before gets is not known: ${why}` });
    return undefined;
  }
}

/**
 * The check that tells what the release before does not suffer from: then this one has brought it, whatever
 * the backend says. Null where that one fares no better, as while a backend has no keys yet.
 */
function worseThan(before: Diagnosis | undefined, checks: readonly CheckLine[]): string | null {
  const line = checks.find(({ id, outcome }) => PATH.includes(id) && outcome === "failed");
  if (!before || !line) return null;
  const hadKnownKeys = line.code === "keys-unknown" && before.code === "token-refused";
  return before.backendAccepted || hadKnownKeys ? line.id : null;
}

/** What tells of the way to the backend, and of what it says. */
const PATH: readonly string[] = ["reached", "accepted"];

/** What the checks of a deploy come to. */
export const testedBy = (checks: CheckLine[], { owner }: { owner: CodeOwner }): SmokeTest => ({
  passed: !checks.some(isBad),
  fault: checks.find((line) => isFault(line, { checks, owner }))?.id ?? null,
  checks,
});

/** How it went, for the progress: the result says more. */
function ending({ passed, fault, checks }: SmokeTest, ms: number): Progress {
  const end = { id: ID, title: TITLE } as const;
  if (fault !== null) return { ...end, kind: "failed", message: "the smoke test failed" };
  if (passed) return { ...end, kind: "finished", ms, outcome: "done" };
  return { ...end, kind: "finished", ms, outcome: "incomplete", detail: openIn(checks) };
}

/** What is open, in a few words: by the code of what was found first, and never more than that says. */
function openIn(checks: readonly CheckLine[]): string {
  const { code = null, title = "" } = checks.find(isBad) ?? {};
  return (code && openWords[code as OpenCode]) || `not proven: ${title}`;
}

/** What is found where the function itself works. */
type OpenCode = Exclude<
  FindingCode,
  | `${string}accepted${string}`
  | `handler-${string}`
  | "process-ended"
  | "answer-too-big"
  | "answer-unreadable"
  | "event-malformed"
>;

const openWords: Readonly<Record<OpenCode, string>> = {
  "keys-unknown": "the backend does not have the function's keys yet",
  "token-refused": "the backend refused the test's token",
  "token-or-keys": "the backend refused the test's token or the function's signature",
  "token-missing": "the test has no token",
  "booking-missing": "the test has no booking",
  "type-invalid": "the test's type is no plain word",
  "own-refused": "the code refuses the test's client",
  "message-refused": "the backend refused the test's message",
  "backend-unreachable": "the function does not reach the backend",
  "backend-timeout": "the backend did not answer in time",
  "backend-host-refused": "the backend takes other host names only",
  "backend-endpoint-missing": "the backend lacks an endpoint",
  "backend-fields-refused": "the backend expects other fields",
  "backend-answer-invalid": "the backend's answer breaks the contract",
  "backend-refused": "the backend refused the test's client",
};

const lineOf = (checks: readonly CheckLine[], id: string) => checks.find((line) => line.id === id);
const isBadIn = (checks: readonly CheckLine[], ...ids: string[]): boolean =>
  checks.some((line) => ids.includes(line.id) && isBad(line));

/** Whether a check has failed for what was deployed: the backend is not a part of that. */
function isFault(
  line: CheckLine,
  { checks, owner }: { checks: readonly CheckLine[]; owner: CodeOwner },
): boolean {
  if (line.id === "handshake") return isBad(line) && isOfDeployed(line, isBadIn(checks, "accepted"), owner);
  return line.outcome === "failed" && line.hop !== "backend";
}

/** Whether a handshake failed for what was deployed and not for the backend behind it. */
function isOfDeployed({ code }: CheckLine, isRefused: boolean, owner: CodeOwner): boolean {
  // An own handler has no backend behind it that is known.
  if (owner === "own") return !isRefused;
  const status = statusIn(code);
  return status === null || status === 500 || (status === 403 && !isRefused);
}

/** The status of a refused handshake; NaN for one without a code of its own, null where there was none. */
const statusIn = (code: Code | null): number | null => {
  const [, status] = /^handshake-(\d+|other)/.exec(code ?? "") ?? [];
  return status === undefined ? null : Number(status);
};

/** Why what was deployed does not work; undefined where it does. */
export const faultIn = ({ fault, checks }: SmokeTest): string | undefined =>
  fault === null ? undefined : lineOf(checks, fault)?.evidence;

/** What the smoke test leaves open: nothing of it is a fault of what was deployed. */
export function unprovenBy({ fault, checks }: SmokeTest): Unproven[] {
  if (fault !== null) return [];
  const isTold = ({ id }: CheckLine) => id !== "handshake" || !isBadIn(checks, ...WHY_REFUSED);
  return checks
    .filter((line) => isBad(line) && isTold(line))
    .map(({ code, title, evidence, fix }) => ({ code: code ?? "unknown", what: title, why: evidence, fix }));
}

/** Why a handshake is refused is told by these, where they know. */
const WHY_REFUSED = ["invocation", "reached", "accepted"];

/** Of whom the next command is to connect. */
type Client = Pick<Settings, "booking" | "token" | "tokenStdin">;
/** And to whose code: own code has no backend that is known. */
export type NextClient = Client & { owner: CodeOwner };

/** The next command: one that uses what works, or fits the cause of what fails. */
export function nextAfter(tested: SmokeTest | null, { owner, ...client }: NextClient): Invocation {
  if (tested === null) return testing(client);
  if (tested.passed) return connecting(client);
  return tested.fault === null ? nextOfBackend(tested, owner) : nextOfDeployed(tested);
}

/** As this client; the token that a test has made up says nothing about a client that sends none. */
export function connecting({ booking = "1", token, tokenStdin }: Client): Invocation {
  const sameToken = tokenStdin ? { tokenStdin } : token === undefined ? { token: "TOKEN" } : {};
  return command("connect", { booking, ...sameToken });
}

/** What nothing is known of is tried first. */
const testing = ({ booking, tokenStdin }: Client): Invocation => command("test", { booking, tokenStdin });

/**
 * The next command after `test`, and when: what uses the path, or else what the first check that failed asks
 * for.
 */
export function nextAfterTest(
  { passed, checks }: { passed: boolean; checks: readonly CheckLine[] },
  client: Client,
): { next: Invocation; when: string | null } {
  if (passed) return { next: connecting(client), when: null };
  const { code = null, fix = null } = checks.find(isBad) ?? {};
  const next = (code && afterCause[code]) ?? partsOf(fix ?? "").find(isInvocation) ?? command("doctor");
  const isAgain = code === "backend-unreachable" && next.command === "test";
  return { next, when: isAgain ? "once the backend runs" : null };
}

/** Where what was deployed does not work; of a role that others own the doctor says what to ask them for. */
function nextOfDeployed({ checks }: SmokeTest): Invocation {
  const push = lineOf(checks, "push");
  if (push?.outcome === "failed" && push.repair.length > 0)
    return command("deploy", { only: [...push.repair] });
  const status = statusIn(lineOf(checks, "handshake")?.code ?? null);
  const afterStatus = isBadIn(checks, ...WHY_REFUSED) ? undefined : afterHandshake[status ?? 0];
  return afterStatus ?? command("doctor");
}

function nextOfBackend({ checks }: SmokeTest, owner: CodeOwner): Invocation {
  if (owner === "own") return command("test", { tokenStdin: true });
  const cause = checks.find((line) => WHY_REFUSED.includes(line.id) && isBad(line))?.code;
  return (cause && afterCause[cause]) || command("backend check");
}

/** The next command after a new backend was asked: one that fits what it said. */
export const nextAfterProbe = ({ code }: BackendProbe): Invocation =>
  (code !== "reached" && afterCause[code]) || command("backend check");

/** By the status of the handshake, where the function itself answers well. */
const afterHandshake: Readonly<Record<number, Invocation>> = {
  403: command("status"),
  500: command("deploy", { only: ["permission"] }),
};

/** By what was found, where what was deployed works; other causes lie in the backend. */
const afterCause: Readonly<Partial<Record<Code, Invocation>>> = {
  "keys-unknown": backendKeys(),
  "keys-missing": deployAgain,
  "token-refused": command("test", { tokenStdin: true }),
  "booking-missing": command("test", { booking: "ID" }),
  "token-missing": command("test", { tokenStdin: true }),
};
