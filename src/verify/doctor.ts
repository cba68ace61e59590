import { command, type Advice } from "../errors/advice.ts";
import { releasing, type Step } from "../settings/table.ts";
import {
  failed,
  skipped,
  warning,
  byHand,
  type Check,
  type Code,
  type Hop,
  type Names,
  type Verdict,
} from "./check.ts";
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
  /** The steps of a deploy that repair it. */
  repair: readonly Step[];
}

type Read = <Name extends EvidenceName>(name: Name) => Promise<Reading<Name>>;

/**
 * Judges all that the checks ask for, in their order. What is not there is told once, by the check that is
 * about it; checks that need it too are skipped.
 */
export async function examine(checks: readonly Check[], read: Read, names: Names): Promise<CheckLine[]> {
  const readings = new Map<EvidenceName, Reading>();
  const wanted = [...new Set(checks.flatMap(({ needs, also = [] }) => [...needs, ...also]))];
  await Promise.all(wanted.map(async (name) => readings.set(name, await read(name))));
  const told = new Set<string>();
  return checks.map((one) =>
    lineOf(one, keepingRollback(verdictOf(one, readings, { names, told }), readings.get("serving"))),
  );
}

/** What is released next serves clients, so that no such step is repaired by the way after a rollback. */
function keepingRollback(verdict: Verdict, serving: Reading | undefined): Verdict {
  const { isRolledBack = false } = (serving?.kind === "present" ? serving.value : {}) as Partial<Serving>;
  if (!isRolledBack || !("repair" in verdict) || !verdict.repair.some(isReleasing)) return verdict;
  return {
    ...verdict,
    repair: verdict.repair.filter((step) => !isReleasing(step)),
    fix: ["what is deployed next serves again: ", command("deploy"), "; all releases: ", command("releases")],
  };
}

const isReleasing = (step: Step): boolean => releasing.includes(step);

interface Told {
  names: Names;
  /** Why something could not be read, as a check before has said. */
  told: Set<string>;
}

function verdictOf(one: Check, readings: ReadonlyMap<EvidenceName, Reading>, { names, told }: Told): Verdict {
  const evidence: Partial<Record<EvidenceName, unknown>> = {};
  for (const name of one.needs) {
    const reading = readings.get(name);
    if (reading?.kind === "present") evidence[name] = reading.value;
    else if (reading) return withoutIt(one, name, reading, { names, told });
  }
  for (const name of one.also ?? []) {
    const reading = readings.get(name);
    if (reading?.kind === "present") evidence[name] = reading.value;
  }
  return one.judge(evidence as Parameters<Check["judge"]>[0], names);
}

function withoutIt(
  { about, absent, hop }: Check,
  name: EvidenceName,
  reading: Exclude<Reading, { kind: "present" }>,
  { names, told }: Told,
): Verdict {
  if (reading.kind === "absent")
    return (about === name && absent?.(names, reading.because)) || skipped(reading.because);
  const { code, message, hint } = reading.error;
  if (told.has(message) || about !== name) return skipped(message);
  told.add(message);
  // Without an account nothing can be known; a right to read that is missing says nothing of the stack.
  const tell = hop === "account" ? failed : warning;
  return tell(code, message, "it could not be read, nor what follows from it", byHand(hint ?? null));
}

function lineOf({ id, hop, title }: Check, verdict: Verdict): CheckLine {
  const line = { id, hop, title, outcome: verdict.outcome, code: null, means: null, fix: null, repair: [] };
  if (verdict.outcome === "skipped") return { ...line, evidence: verdict.because };
  if (verdict.outcome === "passed") return { ...line, evidence: verdict.evidence };
  return { ...line, ...verdict };
}
