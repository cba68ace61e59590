import type { TraceFact, TracePart } from "../contract/trace.ts";

/** Which part of the past is wanted, and of what. */
export interface Wanted {
  /** Epoch milliseconds of the oldest event; absent: only what comes from now on. */
  since?: number | undefined;
  /** Ends with what there is when false. */
  follow: boolean;
  /** One event alone, by an id of it. */
  request?: string | undefined;
  /** Whether it matters who the connections are that were there before. */
  needsBookings: boolean;
}

/** One place that knows something of messages. A new one is a file, and its line in `follow`. */
export interface Source {
  /** As a person knows it, for example `the log group /aws/lambda/x`. */
  title: string;
  /** What it tells of an event, and what a trace therefore waits for. */
  facts: readonly TraceFact[];
  follow(wanted: Wanted): AsyncIterable<TracePart>;
}
