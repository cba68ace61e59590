import { isRecord, jsonIn } from "../contract/json.ts";
import { platformForms, readPlatform } from "./platform.ts";

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
  { pattern: /^\{.*\}$/s, read: ([text]) => readWhole(text) },
  ...platformForms,
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
  const fields = objectIn(json);
  if (!fields) return undefined;
  const { errorType, errorMessage, stack } = fields;
  const lines = textsIn(stack);
  // The stack begins with type and message.
  const said = lines.length > 0 ? lines : [textsIn([errorType, errorMessage]).filter(Boolean).join(": ")];
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
const levelOf = (word: unknown): LogLevel =>
  (typeof word === "string" ? levels[word.toUpperCase()] : undefined) ?? "INFO";

/** Members of a JSON line that are shown elsewhere: the level in its column, the time before it. */
const shownElsewhere = new Set(["level", "time", "timestamp"]);

/** Nested deeper, what a client sent could not be written as JSON again: it is a text. */
const DEEPEST = 100;

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === "object" &&
  value !== null &&
  (levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1)));

/** The object that a text is; a member of it is of any type, as a client may have written it. */
function objectIn(text: string): Fields | undefined {
  const json = jsonIn(text);
  return isRecord(json) && !isDeeper(json, DEEPEST) ? json : undefined;
}

const textsIn = (json: unknown): string[] =>
  Array.isArray(json) ? json.filter((item) => typeof item === "string") : [];

/** A line that is JSON from its beginning on: only here is it Lambda's own. */
function readWhole(text: string): Reading | undefined {
  const fields = objectIn(text);
  return fields && (readPlatform(fields) ?? readFields(fields));
}

function readJson(text: string): Reading | undefined {
  const fields = objectIn(text);
  return fields && readFields(fields);
}

function readFields(fields: Fields): Reading {
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
  const reading = readText(JSON.stringify(message));
  const lines = isRecord(message) ? textsIn(message["stackTrace"]) : [];
  return lines.length > 0 ? { ...reading, level, text: lines.join("\n") } : { ...reading, level };
}

type Fields = Readonly<Record<string, unknown>>;

const shownValue = (value: unknown) =>
  typeof value === "string" && /^[^\s"]+$/.test(value) ? value : JSON.stringify(value);

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
