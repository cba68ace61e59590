import type { BackendProbe } from "./backend/ask-once.ts";
import type { Advice } from "../errors/advice.ts";

/** Something that was to be proven and could not be. With `--strict` it ends a command with exit code 3. */
export interface Unproven {
  /** The cause: a finding's code, or what was missing. */
  code: string;
  what: string;
  why: string;
  /** What to do so that it can be proven. */
  fix: Advice | null;
}

/** What a new backend leaves open that was asked before its address was written. */
export const unprovenProbe = (probe: BackendProbe | null): Unproven[] =>
  probe === null || probe.code === "reached"
    ? []
    : [{ code: probe.code, what: "that the backend can be reached", why: probe.meaning, fix: probe.fix }];
