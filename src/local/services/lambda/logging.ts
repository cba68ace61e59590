import type { LogEntry } from "../../runtime/contract.ts";
import type { Lambda } from "./function.ts";

/**
 * Writes the lines of functions that reach CloudWatch: a function writes with its role's permissions, into a
 * group that must be there unless the role may create it. So a function whose role lacks them runs without
 * leaving a log (AWS.md 6.2, 7.1).
 */
export function writeLog(lambda: Lambda, region: string, entries: readonly LogEntry[]): void {
  const groups = [...new Set(entries.map(({ group }) => group))];
  const permitted = new Set(groups.filter((group) => mayWrite(lambda, region, group)));
  lambda.logs.append(
    region,
    entries.filter(({ group }) => permitted.has(group)),
  );
}

function mayWrite({ state, roles, logs }: Lambda, region: string, group: string): boolean {
  const writers = [...state.in(region).functions.values()]
    .filter(({ running }) => running.logging.LogGroup === group)
    .map(({ running }) => running.role);
  const needed = [
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    ...(logs.has(region, group) ? [] : ["logs:CreateLogGroup"]),
  ];
  const resource = `${logs.arn(region, group)}:log-stream:any`;
  return [...new Set(writers)].some((role) =>
    needed.every((action) => roles.mayDo(role, { action, resource })),
  );
}
