import { accessLogVariables } from "../aws/access-log.ts";
import { given, orMissing } from "../aws/answers.ts";
import type { Aws } from "../aws/clients.ts";
import { deployedApi } from "../aws/deployed.ts";
import { jsonIn } from "../contract/json.ts";
import { followedGroup, type FollowedGroup } from "./group.ts";
import type { LogEvent, LogLevel, LogRecord } from "./record.ts";

type Fact = keyof typeof accessLogVariables;

/** The members of a line in which a format puts what is read. */
export type Members = Readonly<Partial<Record<Fact, string>>>;

/**
 * Reads a stage's format, which is whatever its owner chose: the members of a JSON object that hold one
 * variable each. Undefined for a format that is no JSON, or that does not tell of which request a line is.
 */
export function membersOf(format: string): Members | undefined {
  const template = jsonIn(format.replaceAll(/:\s*(\$context\.[\w.]+)/g, ':"$1"'));
  if (typeof template !== "object" || template === null) return undefined;
  const memberOf = new Map(
    Object.entries(template).flatMap(([member, value]) =>
      typeof value === "string" ? [[value.replace(/^\$context\./, ""), member] as const] : [],
    ),
  );
  const found = Object.entries(accessLogVariables).flatMap(([fact, names]) => {
    const member = names.map((name) => memberOf.get(name)).find((name) => name !== undefined);
    return member === undefined ? [] : [[fact, member] as const];
  });
  const members: Members = Object.fromEntries(found);
  return members.requestId === undefined ? undefined : members;
}

/** An access log that can be read. */
export interface AccessLog {
  group: FollowedGroup;
  members: Members;
}

/** The access log of a stage; otherwise why it cannot be read, and whether there is one at all. */
export async function accessLogOf(
  aws: Aws,
  names: { functionName: string; apiName: string; stage: string },
): Promise<AccessLog | { why: string; isOn: boolean }> {
  const api = await deployedApi(aws, names);
  const StageName = names.stage;
  const stage = api && (await orMissing(aws.apigatewayv2.call("GetStage", { ApiId: api.ApiId, StageName })));
  if (!stage) return { isOn: false, why: `there is no stage ${StageName} of an API ${names.apiName}` };
  const { DestinationArn, Format = "" } = stage.AccessLogSettings ?? {};
  const [, name] = /:log-group:([^:]+)/.exec(DestinationArn ?? "") ?? [];
  if (name === undefined)
    return { isOn: false, why: `the stage ${StageName} has no access log in CloudWatch Logs` };
  const members = membersOf(Format);
  if (!members)
    return { isOn: true, why: `the format of the access log ${name} is no JSON with a $context.requestId` };
  const group = await followedGroup(aws.logs, name);
  if (!group) return { isOn: true, why: `there is no log group ${name}` };
  return { group: { ...group, linesStandAlone: true }, members };
}

/** What a line of an access log says of one event. */
export interface AccessLine {
  requestId: string | undefined;
  connectionId: string | undefined;
  /** CONNECT, MESSAGE or DISCONNECT. */
  eventType: string | undefined;
  routeKey: string | undefined;
  status: number | undefined;
  /** Epoch milliseconds. */
  at: number | undefined;
  /** How long the integration took. */
  ms: number | undefined;
  error: string | undefined;
}

/** Reads a line of an access log; undefined for what is no JSON object. */
export function accessLine(message: string, members: Members): AccessLine | undefined {
  const line = jsonIn(message);
  if (typeof line !== "object" || line === null) return undefined;
  const fields: Readonly<Record<string, unknown>> = { ...line };
  // What an event does not have, API Gateway writes as `-`.
  const text = (fact: Fact) => {
    const value = fields[members[fact] ?? ""];
    if (typeof value !== "string" && typeof value !== "number") return undefined;
    return value === "-" || value === "" ? undefined : String(value);
  };
  const number = (fact: Fact) => {
    const value = Number(text(fact) ?? NaN);
    return Number.isFinite(value) ? value : undefined;
  };
  return {
    requestId: text("requestId"),
    connectionId: text("connectionId"),
    eventType: text("eventType"),
    routeKey: text("routeKey"),
    error: text("error") ?? text("refusal"),
    status: number("status"),
    at: number("at"),
    ms: number("ms"),
  };
}

/** A line of an access log as a record beside those of the function's log. */
export function accessRecordOf({ timestamp, stream, message }: LogEvent, members: Members): LogRecord {
  const line = accessLine(message, members);
  const connectionId = line?.connectionId;
  return {
    kind: "log",
    at: new Date(timestamp).toISOString(),
    level: levelOf(line),
    origin: "access",
    text: line ? textOf(line) : message.trimEnd(),
    stream,
    ...(line ? { fields: given(line) } : {}),
    ...(connectionId === undefined ? {} : { connectionId }),
  };
}

function levelOf(line: AccessLine | undefined): LogLevel {
  const { status = 0, error } = line ?? {};
  if (error !== undefined || status >= 500) return "ERROR";
  return status >= 400 ? "WARN" : "INFO";
}

/** `MESSAGE $default 200 31 ms requestId=… connectionId=…`, what is known of it. */
function textOf({ eventType, routeKey, status, ms, error, requestId, connectionId }: AccessLine): string {
  const words = [
    eventType,
    routeKey,
    status,
    ms === undefined ? undefined : `${ms} ms`,
    requestId && `requestId=${requestId}`,
    connectionId && `connectionId=${connectionId}`,
    error && `error=${JSON.stringify(error)}`,
  ];
  return words.filter((word) => word !== undefined && word !== "").join(" ");
}
