import { isRecord, jsonIn } from "../contract/json.ts";

export type LogLevel = "DEBUG" | "INFO" | "WARN" | "ERROR";

/** One event of a log group, as CloudWatch Logs gives it; `timestamp` in epoch milliseconds. */
export interface LogEvent {
  timestamp: number;
  stream: string;
  message: string;
}

/**
 * One event of a function's log or of an access log, understood. `text` may have several lines; everything in
 * it was written by a client.
 */
export interface LogRecord {
  kind: "log";
  /** ISO time, as every time in JSON. */
  at: string;
  level: LogLevel;
  /**
   * Who wrote it: Lambda itself about the invocation (`start`, `end` and `init` say nothing new to people),
   * the function, or API Gateway (`access`).
   */
  origin: "init" | "start" | "end" | "report" | "function" | "access";
  text: string;
  stream: string;
  /** The members of a line that is a JSON object. */
  fields?: Readonly<Record<string, unknown>>;
  connectionId?: string;
}

/** What one line says by itself. */
export type Reading = Pick<LogRecord, "level" | "origin" | "text" | "fields">;

/**
 * The forms that a line of a Lambda log has (AWS.md 5.3), tried in this order; whatever fits none is the
 * function's plain text.
 */
const forms: readonly { pattern: RegExp; read: (match: RegExpExecArray) => Reading | undefined }[] = [
  // First, so that what a client sent, in a member of it, cannot pass for a line of Lambda's.
  { pattern: /^\{.*\}$/s, read: ([text]) => readJson(text) },
  { pattern: /^START RequestId: \S+/, read: ([line]) => ({ level: "INFO", origin: "start", text: line }) },
  { pattern: /^END RequestId: \S+/, read: ([line]) => ({ level: "INFO", origin: "end", text: line }) },
  {
    pattern: /^INIT_START Runtime Version: (\S+)/,
    read: ([, runtime]) => ({ level: "INFO", origin: "init", text: `cold start, ${runtime}` }),
  },
  { pattern: /^(?:INIT_)?REPORT (.*)/s, read: ([, facts = ""]) => readReport(facts) },
  {
    pattern: /^[\d-]+T[\d:.]+Z [\da-f-]{36} (Task timed out after .*)/s,
    read: ([, text = ""]) => ({ level: "ERROR", origin: "function", text }),
  },
  {
    pattern: /^[\d-]+T[\d:.]+Z\t[^\t]*\t([A-Z]+)\t(.*)/s,
    read: ([, level = "", text = ""]) => ({ ...readText(text), level: levelOf(level) }),
  },
  {
    // What Python's runtime says of an error that nothing has caught.
    pattern: /^\[ERROR\] (([\w.]+): (.*?)\nTraceback \(most recent call last\):.*)/s,
    read: ([, text = "", errorType, errorMessage]) => ({
      ...readText(text),
      level: "ERROR",
      fields: { errorType, errorMessage },
    }),
  },
  {
    pattern: /^\[([A-Z]+)\]\s+(?:[\d-]+T[\d:.]+Z\t\S+\t)?(.*)/s,
    read: ([, level = "", text = ""]) => ({ ...readText(text), level: levelOf(level) }),
  },
];

/** Understands one event of a Lambda function's log. */
export function recordOf({ timestamp, stream, message }: LogEvent): LogRecord {
  const reading = readLine(message);
  const connectionId = reading.fields?.["connectionId"];
  return {
    kind: "log",
    at: new Date(timestamp).toISOString(),
    ...reading,
    stream,
    ...(typeof connectionId === "string" ? { connectionId } : {}),
  };
}

/** Understands the text of one event. */
export function readLine(message: string): Reading {
  const line = message.trimEnd();
  for (const { pattern, read: reading } of forms) {
    const match = pattern.exec(line);
    const found = match && reading(match);
    if (found) return found;
  }
  return readText(line);
}

function readText(text: string): Reading {
  return (
    (text.startsWith("{") && readJson(text)) ||
    readThrown(text) || {
      level: "INFO",
      origin: "function",
      text: text.replaceAll("\u00a0", " "),
    }
  );
}

/**
 * What Node's runtime says of an error that nothing has caught: its kind, and the error with its stack as
 * JSON.
 */
function readThrown(text: string): Reading | undefined {
  const [, kind = "", json = ""] =
    /^(Invoke Error|Init Error|Uncaught Exception|Unhandled Promise Rejection)\s+(\{.*)$/s.exec(text) ?? [];
  const fields = jsonIn(json);
  if (!isRecord(fields)) return undefined;
  const { errorType, errorMessage, stack } = fields;
  const lines = Array.isArray(stack) ? stack.map(String) : [];
  // The stack begins with type and message.
  const said = lines.length > 0 ? lines : [[errorType, errorMessage].filter(Boolean).join(": ")];
  return { level: "ERROR", origin: "function", text: `${kind}: ${said.join("\n")}`, fields };
}

const levels: Readonly<Record<string, LogLevel>> = {
  TRACE: "DEBUG",
  DEBUG: "DEBUG",
  INFO: "INFO",
  WARN: "WARN",
  WARNING: "WARN",
  ERROR: "ERROR",
  FATAL: "ERROR",
  CRITICAL: "ERROR",
};
const levelOf = (word: unknown): LogLevel => levels[String(word).toUpperCase()] ?? "INFO";

/** Members of a JSON line that are shown elsewhere: the level in its column, the time before it. */
const shownElsewhere = new Set(["level", "time", "timestamp"]);

function readJson(text: string): Reading | undefined {
  const fields = jsonIn(text);
  if (!isRecord(fields)) return undefined;
  if (String(fields["type"]).startsWith("platform.")) return readPlatform(fields);
  if (Object.keys(fields).every((name) => wrapping.has(name)) && "message" in fields)
    return readWrapped(fields);
  const headline = ["event", "message", "msg", "errorMessage"].find(
    (name) => typeof fields[name] === "string",
  );
  const rest = Object.entries(fields).filter(([name]) => name !== headline && !shownElsewhere.has(name));
  const words = [
    ...(headline ? [String(fields[headline])] : []),
    ...rest.map(([name, value]) => `${name}=${shownValue(value)}`),
  ];
  return {
    level: levelOf(fields["level"] ?? (fields["errorType"] ? "ERROR" : "INFO")),
    origin: "function",
    text: words.join(" "),
    fields,
  };
}

/** What AWS's runtimes put around what a function says, when it logs in JSON (AWS.md 5.3). */
const wrapping = new Set([
  "timestamp",
  "level",
  "requestId",
  "message",
  "logger",
  "tenantId",
  "errorType",
  "errorMessage",
  "stackTrace",
  "location",
]);

/** What the function said, as in the log format Text; of an error that nothing has caught the stack. */
function readWrapped({ level: word, message }: Fields): Reading {
  const level = levelOf(word);
  if (typeof message === "string") return { ...readText(message), level };
  const { stackTrace } = (message ?? {}) as { stackTrace?: unknown };
  const reading = readText(JSON.stringify(message));
  return Array.isArray(stackTrace)
    ? { ...reading, level, text: stackTrace.map(String).join("\n") }
    : { ...reading, level };
}

/** Lambda's own lines when the function logs in JSON: as it says them in text, where it does. */
function readPlatform(fields: Fields): Reading {
  const type = String(fields["type"]).slice("platform.".length);
  const record = (fields["record"] ?? {}) as PlatformRecord;
  const text = asText[type]?.(record);
  if (text !== undefined) return readLine(text);
  const failed = record.status !== undefined && record.status !== "success";
  return {
    level: failed ? "ERROR" : "INFO",
    origin: "end",
    text: [type, record.status].filter(Boolean).join(" "),
    fields,
  };
}

interface PlatformRecord {
  requestId?: string;
  version?: string;
  runtimeVersion?: string;
  status?: string;
  errorType?: string;
  metrics?: Readonly<Record<string, number | undefined>>;
}

const statusFacts = ({ status, errorType }: PlatformRecord): (string | undefined)[] =>
  status === undefined || status === "success"
    ? []
    : [`Status: ${status}`, errorType && `Error Type: ${errorType}`];

/** The lines of the log format Text (AWS.md 5.3), by the type of what says the same in JSON. */
const asText: Readonly<Record<string, (record: PlatformRecord) => string>> = {
  initStart: ({ runtimeVersion }) => `INIT_START Runtime Version: ${runtimeVersion}`,
  initReport: (record) =>
    [
      `INIT_REPORT Init Duration: ${(record.metrics?.["durationMs"] ?? 0).toFixed(2)} ms`,
      ...statusFacts(record),
    ]
      .filter(Boolean)
      .join("\t"),
  start: ({ requestId, version }) => `START RequestId: ${requestId} Version: ${version}`,
  report: (record) => {
    const { durationMs, billedDurationMs, memorySizeMB, maxMemoryUsedMB, initDurationMs } =
      record.metrics ?? {};
    const fact = (name: string, value: number | undefined, unit: string, digits = 0) =>
      value === undefined ? undefined : `${name}: ${value.toFixed(digits)} ${unit}`;
    return [
      `REPORT RequestId: ${record.requestId}`,
      fact("Duration", durationMs, "ms", 2),
      fact("Billed Duration", billedDurationMs, "ms"),
      fact("Memory Size", memorySizeMB, "MB"),
      fact("Max Memory Used", maxMemoryUsedMB, "MB"),
      fact("Init Duration", initDurationMs, "ms", 2),
      ...statusFacts(record),
    ]
      .filter(Boolean)
      .join("\t");
  },
};

type Fields = Readonly<Record<string, unknown>>;

const shownValue = (value: unknown) =>
  typeof value === "string" && /^[^\s"]+$/.test(value) ? value : JSON.stringify(value);

/**
 * `RequestId: … \tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tInit
 * Duration: 110.10 ms\tStatus: timeout`, said shorter.
 */
function readReport(facts: string): Reading {
  const values = Object.fromEntries(
    facts
      .split("\t")
      .map((fact) => fact.trim().split(": "))
      .filter(([name]) => name),
  ) as Record<string, string>;
  const status = values["Status"];
  const words = [
    values["Duration"],
    values["Billed Duration"] && `billed ${values["Billed Duration"]}`,
    values["Max Memory Used"] && `${values["Max Memory Used"]} of ${values["Memory Size"]}`,
    values["Init Duration"] && `cold start ${values["Init Duration"]}`,
    status && `${status}${values["Error Type"] ? ` ${values["Error Type"]}` : ""}`,
  ];
  return {
    level: status && status !== "success" ? "ERROR" : "INFO",
    origin: "report",
    text: words.filter(Boolean).join(", "),
    fields: values,
  };
}

/** Which records are wanted; everything without a choice. */
export interface Selection {
  /** Warnings and errors only. */
  errors?: boolean | undefined;
  /** Only what concerns one connection. */
  connection?: string | undefined;
  /** Only what concerns one request, by API Gateway's id or Lambda's. */
  request?: string | undefined;
}

/**
 * Decides record by record. An environment of Lambda serves one event at a time, so what follows a
 * connection's line in the same stream, up to the next START, is about that connection as well: stack traces,
 * time-outs and the REPORT carry no connection id of their own.
 */
export function selected({ errors, connection, request }: Selection): (record: LogRecord) => boolean {
  const choices = [
    ...(connection === undefined ? [] : [following((record) => isOfConnection(record, connection))]),
    ...(request === undefined ? [] : [following((record) => isOfRequest(record, request))]),
  ];
  return (record) => {
    const isChosen = choices.map((choice) => choice(record)).every(Boolean);
    return isChosen && (!errors || record.level === "WARN" || record.level === "ERROR");
  };
}

/**
 * Whether a record is about something, or follows one in its stream that is. Most do not tell; those of an
 * access log stand by themselves.
 */
function following(tells: (record: LogRecord) => boolean | undefined): (record: LogRecord) => boolean {
  const concerned = new Set<string>();
  return (record) => {
    if (record.origin === "start") concerned.delete(record.stream);
    const told = tells(record);
    if (record.origin === "access") return told === true;
    if (told !== undefined) concerned[told ? "add" : "delete"](record.stream);
    return concerned.has(record.stream);
  };
}

const isOfConnection = ({ connectionId }: LogRecord, wanted: string): boolean | undefined =>
  connectionId === undefined ? undefined : connectionId === wanted;

/** By API Gateway's id of the event, in a line of the handler, or by Lambda's, in its own first line. */
function isOfRequest({ origin, text, fields }: LogRecord, wanted: string): true | undefined {
  const started = origin === "start" ? /RequestId: (\S+)/.exec(text)?.[1] : undefined;
  return [started, fields?.["requestId"]].includes(wanted) || undefined;
}
