import { randomBytes } from "node:crypto";
import { StringDecoder } from "node:string_decoder";
import type { FunctionToRun } from "./contract.ts";

/** The log stream of one environment: `YYYY/MM/DD/[$LATEST]<32 hex>` (AWS.md 5.3). */
export function logStreamName(version: string, now = new Date()): string {
  const day = now.toISOString().slice(0, 10).replaceAll("-", "/");
  return `${day}/[${version}]${randomBytes(16).toString("hex")}`;
}

/** What a REPORT line says; times in ms, memory in MB. */
export interface Usage {
  durationMs: number;
  memoryMb: number;
  maxMemoryMb: number;
  /** Only of the first event of an environment. */
  initMs?: number | undefined;
  /** Only when the environment was lost: `timeout`, or `error` with the error's type. */
  status?: string | undefined;
}

/** The lines that the platform writes about an environment and its events. */
export interface PlatformLines {
  initStart(version: string, arn: string): string[];
  initReport(initMs: number, status: string): string[];
  start(requestId: string, version: string): string[];
  ended(requestId: string, usage: Usage): string[];
}

/** With tabs and line ends (AWS.md 5.3). */
const textLines: PlatformLines = {
  initStart: (version, arn) => [`INIT_START Runtime Version: ${version}\tRuntime Version ARN: ${arn}\n`],
  initReport: (initMs, status) => [
    `INIT_REPORT Init Duration: ${initMs.toFixed(2)} ms\tPhase: init\tStatus: ${status}\n`,
  ],
  start: (requestId, version) => [`START RequestId: ${requestId} Version: ${version}\n`],
  ended: (requestId, usage) => [
    `END RequestId: ${requestId}\n`,
    [
      `REPORT RequestId: ${requestId}`,
      `Duration: ${usage.durationMs.toFixed(2)} ms`,
      `Billed Duration: ${Math.ceil(usage.durationMs)} ms`,
      `Memory Size: ${usage.memoryMb} MB`,
      `Max Memory Used: ${usage.maxMemoryMb} MB`,
      ...(usage.initMs === undefined ? [] : [`Init Duration: ${usage.initMs.toFixed(2)} ms`]),
      ...(usage.status === undefined ? [] : [`Status: ${usage.status}`]),
      "\n",
    ].join("\t"),
  ],
};

const hundredths = (ms: number): number => Math.round(ms * 100) / 100;

/** As objects, of which all but failures are of the level INFO (AWS.md 5.3). */
function jsonLines(level: string): PlatformLines {
  const line = (type: string, record: object, status = "success"): string[] => {
    const isLogged = status !== "success" || level === "INFO" || level === "DEBUG";
    const time = new Date().toISOString();
    return isLogged ? [`${JSON.stringify({ time, type: `platform.${type}`, record })}\n`] : [];
  };
  const phase = { initializationType: "on-demand", phase: "init" };
  return {
    initStart: (runtimeVersion, runtimeVersionArn) =>
      line("initStart", { ...phase, runtimeVersion, runtimeVersionArn }),
    initReport: (initMs, failure) => {
      const [status, errorType] = failure.split("\tError Type: ");
      const metrics = { durationMs: hundredths(initMs) };
      return line("initReport", { ...phase, status, errorType, metrics }, status);
    },
    start: (requestId, version) => line("start", { requestId, version }),
    ended: (requestId, usage) => {
      const [status = "success", errorType] = (usage.status ?? "success").split("\tError Type: ");
      const metrics = {
        durationMs: hundredths(usage.durationMs),
        billedDurationMs: Math.ceil(usage.durationMs),
        memorySizeMB: usage.memoryMb,
        maxMemoryUsedMB: usage.maxMemoryMb,
        ...(usage.initMs !== undefined && { initDurationMs: hundredths(usage.initMs) }),
      };
      return line("report", { requestId, metrics, status, errorType }, status);
    },
  };
}

/** The lines in the format of a function. */
export const platformLinesFor = ({ jsonLog }: Pick<FunctionToRun, "jsonLog">): PlatformLines =>
  jsonLog ? jsonLines(jsonLog.system) : textLines;

/** The longest message of a log event in CloudWatch Logs; longer lines become several events. */
const longestMessage = 256 * 1024;

/** Bytes of output that an environment may write at once, and per second after that (FAULTS.md G-14). */
const outputAllowance = 1024 * 1024;

/**
 * Cuts what a process prints into log messages: one per line, each ending in a line feed. A carriage return
 * inside a line becomes a line feed: that is how Lambda's runtimes keep a text of several lines in one event.
 */
export function startLineReader(): { read(chunk: Buffer): string[]; rest(): string[] } {
  const decoder = new StringDecoder("utf8");
  let partial = "";
  const rest = () => {
    const line = partial;
    partial = "";
    return line === "" ? [] : [asMessage(line)];
  };
  return {
    rest,
    read(chunk) {
      const lines = (partial + decoder.write(chunk)).split("\n");
      const unfinished = pieces(lines.pop() ?? "");
      partial = unfinished.pop() ?? "";
      return [...lines.flatMap(pieces), ...unfinished].map(asMessage);
    },
  };
}

function pieces(line: string): string[] {
  if (line.length <= longestMessage) return [line];
  return Array.from({ length: Math.ceil(line.length / longestMessage) }, (_, index) =>
    line.slice(index * longestMessage, (index + 1) * longestMessage),
  );
}

function asMessage(line: string): string {
  return `${line.replace(/\r+$/, "").replaceAll("\r", "\n")}\n`;
}

/**
 * Decides which output is kept: 1 MB at once and 1 MB per second after that. Counts what was dropped.
 */
export function startOutputMeter(): { admits(bytes: number, nowMs: number): boolean; takeDropped(): number } {
  let allowance = outputAllowance;
  let filledAt = 0;
  let dropped = 0;
  return {
    admits(bytes, nowMs) {
      allowance = Math.min(outputAllowance, allowance + ((nowMs - filledAt) / 1000) * outputAllowance);
      filledAt = nowMs;
      if (bytes > allowance) {
        dropped += bytes;
        return false;
      }
      allowance -= bytes;
      return true;
    },
    takeDropped() {
      const bytes = dropped;
      dropped = 0;
      return bytes;
    },
  };
}

/** The log line that replaces dropped output. */
export function droppedLine(bytes: number): string {
  return `[local] ${bytes} bytes of output are missing here: an environment may print 1 MB per second\n`;
}

/** The last 4 KB of a log, whole characters only: what `LogType: Tail` answers (AWS.md 4.8). */
export function lastFourKilobytes(text: string): string {
  const bytes = Buffer.from(text.slice(-4096));
  if (bytes.length <= 4096) return bytes.toString();
  let start = bytes.length - 4096;
  while (((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1;
  return bytes.subarray(start).toString();
}
