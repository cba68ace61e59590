import type { Peer } from "./peers.ts";

/**
 * One turn of a contender: its figures, by the lines that they belong to. Starts what it measures anew, so
 * that no turn profits from the one before.
 */
export type Measure = () => Promise<Readonly<Record<string, number>>>;

/** One line of a row: ours against its floor. */
export interface Line {
  /** The figure's name in what the contenders measure. */
  figure: string;
  what: string;
  /** A rate has to be high, anything else low. */
  unit: "ms" | "µs" | "KB" | "MB" | "calls" | "/s";
  /** The contender that ours is divided by. It has none of our code in it. */
  floor: string;
  /** Of ours ÷ floor: at most this, for a rate at least. Absent: `atMost` alone is the goal. */
  goal?: number;
  /** And ours itself at most this, where it does not depend on the machine. */
  atMost?: number;
}

/** What a row compares, ready to be measured. */
export interface Comparison {
  lines: readonly Line[];
  /** By name: `ours`, and the floors. */
  contenders: Readonly<Record<string, Measure>>;
  /** What people would take instead: measured where it is installed, otherwise told how to install it. */
  peers?: Readonly<Partial<Record<Peer, Measure>>>;
  close?(): Promise<void>;
}

export interface Row {
  title: string;
  /** How often everything is measured, in turns. */
  rounds: number;
  /** Starts what all turns share; or says what has to be installed first. */
  open(): Promise<Comparison | { missing: string }>;
}
