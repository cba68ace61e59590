import type { LogEntry } from "../../runtime/contract.ts";
import { permission } from "../iam/permission.ts";
import { logGroupArn } from "../logs/group.ts";
import { regionIn, type World } from "../../state.ts";

/**
 * The log lines that reach CloudWatch: a function writes with its role's permissions, into a group that must
 * be there unless the role may make it. So a function whose role lacks them runs without leaving a log
 * (AWS.md 6.2, 7.1).
 */
export const permittedLines = (world: World, region: string, entries: readonly LogEntry[]): LogEntry[] => {
  const permitted = new Set(
    [...new Set(entries.map(({ group }) => group))].filter((group) => mayWrite(world, region, group)),
  );
  return entries.filter(({ group }) => permitted.has(group));
};

function mayWrite(world: World, region: string, group: string): boolean {
  const { functions, logGroups } = regionIn(world.state, region);
  const roles = [...functions.values()]
    .filter(({ running }) => running.logging.LogGroup === group)
    .map(({ running }) => running.role);
  const needed = [
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    ...(logGroups.has(group) ? [] : ["logs:CreateLogGroup"]),
  ];
  const resource = `${logGroupArn(world, region, group)}:log-stream:any`;
  return [...world.state.roles.values()]
    .filter(({ arn }) => roles.includes(arn))
    .some((role) => needed.every((action) => permission(world, role, { action, resource }) === "allowed"));
}
