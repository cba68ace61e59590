import { command, deployAgain, type Advice } from "../errors/advice.ts";
import { withoutReleasing, type Step } from "../settings/table.ts";
import type { Missing } from "./backend/conversation.ts";
import { failed, skipped, warning, byHand, type Check, type Code, type Hop, type Verdict } from "./check.ts";
import type { EvidenceName, Reading, Serving } from "./evidence.ts";

/** What became of one check. */
export interface CheckLine {
  id: string;
  hop: Hop;
  title: string;
  outcome: Verdict["outcome"];
  /** The cause; null where nothing is wrong, or nothing is known. */
  code: Code | null;
  /** What was found; for a check that was skipped, why it could not judge. */
  evidence: string;
  means: string | null;
  fix: Advice | null;
  /** What the user may pass, so that a check which was skipped can judge. */
  missing: Missing | null;
  /** The steps of a deploy that repair it. */
  repair: readonly Step[];
}

export const isBad = ({ outcome }: Pick<CheckLine, "outcome">): boolean =>
  outcome === "failed" || outcome === "warning";

type Read = <Name extends EvidenceName>(name: Name) => Promise<Reading<Name>>;

/**
 * Judges all that the checks ask for, in their order. What is not there is told once, by the check that is
 * about it; checks that need it too are skipped.
 */
export async function examine(checks: readonly Check[], read: Read): Promise<CheckLine[]> {
  const readings: Readings = new Map();
  const wanted = [...new Set(checks.flatMap(({ needs, also = [] }) => [...needs, ...also]))];
  await Promise.all(wanted.map(async (name) => readings.set(name, await read(name))));
  const told = new Set<string>();
  return checks.map((one) =>
    lineOf(one, keepingRollback(verdictOf(one, readings, told), readings.get("serving"))),
  );
}

type Readings = Map<EvidenceName, Reading>;

/** What is released next serves clients, so that no such step is repaired by the way after a rollback. */
function keepingRollback(verdict: Verdict, serving: Reading | undefined): Verdict {
  const { isRolledBack = false } = (serving?.kind === "present" ? serving.value : {}) as Partial<Serving>;
  if (!isRolledBack || !("repair" in verdict)) return verdict;
  const repair = withoutReleasing(verdict.repair);
  if (repair.length === verdict.repair.length) return verdict;
  return {
    ...verdict,
    repair,
    fix: ["what is deployed next serves again: ", deployAgain, "; all releases: ", command("releases")],
  };
}

/** `told`: why something could not be read, as a check before has said. */
function verdictOf(one: Check, readings: Readings, told: Set<string>): Verdict {
  const evidence: Record<string, unknown> = {};
  const take = (name: EvidenceName): Missed | undefined => {
    const reading = readings.get(name);
    if (reading?.kind === "present") evidence[name] = reading.value;
    return reading?.kind === "present" ? undefined : reading;
  };
  for (const name of one.needs) {
    const missed = take(name);
    if (missed) return withoutIt(one, name, missed, { evidence: evidence as Judging, told });
  }
  one.also?.forEach(take);
  return one.judge(evidence as Judging);
}

type Judging = Parameters<Check["judge"]>[0];
type Missed = Exclude<Reading, { kind: "present" }>;

function withoutIt(
  { about, absent, hop }: Check,
  name: EvidenceName,
  reading: Missed,
  { evidence, told }: { evidence: Judging; told: Set<string> },
): Verdict {
  if (reading.kind === "absent")
    return (about === name && absent?.(reading.because, evidence)) || skipped(reading.because);
  const { code, message, hint } = reading.error;
  if (told.has(message) || about !== name) return skipped(message);
  told.add(message);
  // Without an account nothing can be known; a right to read that is missing says nothing of the stack.
  const tell = hop === "account" ? failed : warning;
  return tell(code, message, "it could not be read, nor what follows from it", byHand(hint ?? null));
}

function lineOf({ id, hop, title }: Check, verdict: Verdict): CheckLine {
  const { outcome } = verdict;
  const line = { id, hop, title, outcome, code: null, means: null, fix: null, missing: null, repair: [] };
  if (outcome === "skipped") return { ...line, evidence: verdict.because, missing: verdict.missing ?? null };
  if (outcome === "passed") return { ...line, evidence: verdict.evidence };
  return { ...line, ...verdict };
}
