import { followedGroup, followLog, hasStreams, type FollowedGroup } from "../logs/follow.ts";
import { recordOf, selected } from "../logs/record.ts";
import type { LogLevel, LogRecord } from "../logs/record.ts";
import type { Settings } from "../settings/table.ts";
import { connectAws, type Aws } from "../aws/clients.ts";
import { asRecord, clockTime } from "../terminal/record.ts";
import { style } from "../terminal/style.ts";
import type { Command, Context } from "../cli/command.ts";

export interface LogsTailResult {
  group: string;
  /** Whether there is a log group at all. */
  exists: boolean;
  /** Whether the function has ever written to its log. */
  invoked: boolean;
  /** How many records were given out. */
  records: number;
}

/** How far back `--no-follow` looks when no `--since` says so. */
const HOUR_MS = 3_600_000;

export const command: Command<LogsTailResult, LogRecord> = {
  options: ["since", "filter", "errors", "connection", "follow", "functionName"],
  examples: [
    { line: "logs tail", does: "what the function logs from now on, until Ctrl-C" },
    {
      line: "logs tail --since 10m --errors",
      does: "warnings and errors of the last ten minutes, then new ones",
    },
    {
      line: "logs tail --connection L0SM9cOFvHcCIhw= --no-follow",
      does: "what happened to one connection in the last hour",
    },
    {
      line: "logs tail --filter '{ $.event = \"connect\" }' --since 1d",
      does: "only what matches a filter pattern of CloudWatch Logs",
    },
  ],

  async run(settings, context) {
    const group = `/aws/lambda/${settings.functionName}`;
    const aws = await connectAws(settings, context);
    try {
      const found = await followedGroup(aws.logs, group);
      const lookedAt = Date.now();
      const isInvoked = found && (await hasStreams(aws.logs, found));
      if (!found || !(isInvoked || settings.follow))
        return { group, exists: found !== undefined, invoked: false, records: 0 };
      if (!isInvoked) context.report({ kind: "note", message: `${notInvoked(group)}, waiting` });
      // Into an empty log the first lines may come before the live tail has begun.
      const since =
        settings.since ?? (!isInvoked ? lookedAt : settings.follow ? undefined : lookedAt - HOUR_MS);
      const records = await giveOut(aws, found, { ...settings, since }, context);
      return { group, exists: true, invoked: Boolean(isInvoked) || records > 0, records };
    } finally {
      aws.close();
    }
  },

  render({ group, exists, invoked, records }, { follow }) {
    if (!exists)
      return `not invoked yet: there is no log group ${group}, and nothing may be deployed under that name; shelfshack-ws status shows what is there`;
    if (!invoked) return `${notInvoked(group)}; shelfshack-ws test invokes the function once`;
    return records === 0 && !follow ? `nothing in ${group} in that time` : "";
  },
  line: recordLine,
  untilInterrupted: true,
};

/** Gives out what is wanted of the log, until its end or Ctrl-C; returns how many records. */
async function giveOut(
  { logs }: Aws,
  group: FollowedGroup,
  settings: Settings,
  context: Context<LogRecord>,
): Promise<number> {
  const isWanted = selected(settings);
  let records = 0;
  try {
    for await (const event of followLog(logs, group, { ...settings, ...context })) {
      const record = recordOf(event);
      if (!isWanted(record)) continue;
      records += 1;
      context.emit(record);
    }
  } catch (error) {
    if (!context.signal.aborted) throw error;
  }
  return records;
}

const notInvoked = (group: string) => `not invoked yet: there is nothing in ${group}`;

/**
 * One record for people, with what it says about the invocation in short; undefined for records that say
 * nothing new.
 */
export function recordLine({ at, level, origin, text }: LogRecord): string | undefined {
  if (origin === "start" || origin === "end") return undefined;
  return asRecord(
    `${style.dim(clockTime(at))} ${levelWord(level)}`,
    origin === "report" ? `report ${text}` : text,
  );
}

const levelStyles: Readonly<Record<LogLevel, (text: string) => string>> = {
  DEBUG: style.dim,
  INFO: (text) => text,
  WARN: style.yellow,
  ERROR: style.red,
};

/** A level in its colour, as wide as the longest. */
export const levelWord = (level: LogLevel): string => levelStyles[level](level.padEnd(5));
