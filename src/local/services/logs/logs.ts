import * as sdk from "@aws-sdk/client-cloudwatch-logs";
import { AwsError } from "../../aws-error.ts";
import { jsonRpc } from "../../wire/json-rpc.ts";
import { service, type Guard } from "../service.ts";
import { regional } from "../state.ts";
import { authorization } from "./access.ts";
import { constraints } from "./constraints.ts";
import { eventOperations, write } from "./events.ts";
import { logGroupArn, newGroup, type Logs, type LogsState } from "./group.ts";
import { groupOperations } from "./groups.ts";
import { liveTailOperations } from "./live-tail.ts";

/** One line, and where it is to stand. */
interface Entry {
  group: string;
  stream: string;
  /** Epoch milliseconds. */
  timestamp: number;
  message: string;
}

/** What CloudWatch Logs lends to other services. */
export interface LogGroups {
  /** Writes lines; a group or stream that is missing is created (AWS.md 7.1). */
  append(region: string, entries: readonly Entry[]): void;
  /** Whether there is a group of this name. */
  has(region: string, group: string): boolean;
  /** The ARN of a group, whether there is one or not. */
  arn(region: string, group: string): string;
}

/** CloudWatch Logs (AWS.md 7). */
export const logs = service({
  name: "logs",
  sdk,
  protocol: jsonRpc,
  invalidInput: "InvalidParameterException",
  constraints,
  needs: {},
  state: regional<LogsState>(() => ({ groups: new Map() })),
  operations: [...groupOperations, ...eventOperations, ...liveTailOperations],
  open({ host, state }) {
    const parts: Logs = { host, state, tails: new Set() };
    const port: LogGroups = {
      append: (region, entries) => append(parts, region, entries),
      has: (region, group) => state.in(region).groups.has(group),
      arn: (region, group) => logGroupArn(host.account, region, group),
    };
    return { parts, port, guard: refuseLongNames, authorization };
  },
});

/** The longest name, and how a longer one is refused: not by the model's words (AWS.md 7.2). */
const longestName = 512;

const refuseLongNames: Guard = ({ input: { logGroupName, logStreamName } }, run) => {
  if ([logGroupName, logStreamName].some((name) => typeof name === "string" && name.length > longestName))
    throw new AwsError(
      "InvalidParameterException",
      `Invalid LogGroup or LogStream, both must have length less than or equal to ${longestName}.`,
    );
  return run();
};

function append(parts: Logs, region: string, entries: readonly Entry[]): void {
  const now = Date.now();
  const { groups } = parts.state.in(region);
  for (const name of new Set(entries.map((entry) => entry.group))) {
    const group = groups.get(name) ?? newGroup(name, now, {});
    groups.set(name, group);
    write(parts, region, { group, lines: entries.filter((entry) => entry.group === name), now });
  }
}
