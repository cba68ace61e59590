import {
  command as invocation,
  partsOf,
  printsKeys,
  type Advice,
  type Invocation,
} from "../errors/advice.ts";
import type { Settings } from "../settings/table.ts";

/** What to type next; `what` says for what, or when, where the command does not say it itself. */
export interface NextStep {
  what: string | null;
  command: Advice;
}

/** What to type next, one after the other; or why there is nothing, which is not printed. */
export type Next = readonly [NextStep, ...NextStep[]] | { none: string };

/**
 * One command; `what` such as "to make these changes" or "once it is attached". Keys in a file are not with
 * the backend yet.
 */
export const typing = (command: Invocation, what: string | null = null): Next =>
  printsKeys(command)
    ? [
        { what: what ?? "to write the function's keys to a file", command: [command] },
        { what: "once the backend runs with them", command: [invocation("test")] },
      ]
    : [{ what, command: [command] }];

export const nothing = (because: string): Next => ({ none: because });

export const stepsIn = (next: Next): readonly NextStep[] => ("none" in next ? [] : next);

/** The deploy that was planned, of a stack whose function calls, or will call, this backend. */
export function deployOf(
  backendUrl: string | null,
  { only, codeOnly, adopt, replaceCode }: Pick<Settings, "only" | "codeOnly" | "adopt" | "replaceCode">,
): Invocation {
  // A whole deploy needs a backend, which the stack may have already.
  const asksForBackend = only === undefined && !codeOnly && backendUrl === null;
  const limits = { ...(only && { only }), ...(adopt && { adopt }), ...(replaceCode && { replaceCode }) };
  return invocation("deploy", { ...limits, ...(!asksForBackend && { codeOnly }) });
}

/** A time of `--since` as it is given again; undefined where none was given. */
export const timeText = (since: number | undefined): string | undefined =>
  since === undefined ? undefined : new Date(since).toISOString();

/** Each step on a line: `next: COMMAND`, then `then, to …: COMMAND`; empty where there is none. */
export function nextText(next: Next): Advice {
  return stepsIn(next).flatMap(({ what, command }, index) => [
    `${index > 0 ? "\nthen" : "next"}${what === null ? "" : `, ${what}`}: `,
    ...partsOf(command),
  ]);
}
