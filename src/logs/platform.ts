import { isRecord } from "../contract/json.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What a line of Lambda's own says. */
interface PlatformReading {
  level: "INFO" | "ERROR";
  origin: "init" | "start" | "end" | "report";
  text: string;
  fields?: Fields;
}

/** The forms of Lambda's lines in the log format Text (AWS.md 5.3). */
export const platformForms: readonly {
  pattern: RegExp;
  read: (match: RegExpExecArray) => PlatformReading;
}[] = [
  { pattern: /^START RequestId: \S+/, read: ([line]) => ({ level: "INFO", origin: "start", text: line }) },
  { pattern: /^END RequestId: \S+/, read: ([line]) => ({ level: "INFO", origin: "end", text: line }) },
  { pattern: /^INIT_START Runtime Version: (\S+)/, read: ([, runtime]) => coldStart(runtime) },
  {
    // `RequestId: … \tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax …`, then
    // `Init Duration: 110.10 ms` and `Status: timeout` where there is something to say.
    pattern: /^(?:INIT_)?REPORT (.*)/s,
    read: ([, facts = ""]) =>
      report(
        facts
          .split("\t")
          .map((fact) => fact.trim().split(": "))
          .map(([name = "", value]) => [name, value]),
      ),
  },
];

/**
 * Lambda's line in the log format JSON: `time`, `type` and `record`, and nothing else. Undefined for any
 * other object. A function that writes such a line past its runtime cannot be told apart, nor can one that
 * writes `REPORT …`: every member may be of any type.
 */
export function readPlatform(fields: Fields): PlatformReading | undefined {
  const { time, type, record } = fields;
  const isLambdas = typeof time === "string" && isRecord(record) && Object.keys(fields).length === 3;
  if (!isLambdas || typeof type !== "string" || !type.startsWith("platform.")) return undefined;
  const name = type.slice("platform.".length);
  const read = Object.hasOwn(asText, name) ? asText[name] : undefined;
  if (read) return read(record);
  const status = textIn(record, "status");
  const hasFailed = status !== undefined && status !== "success";
  return {
    level: hasFailed ? "ERROR" : "INFO",
    origin: "end",
    text: [name, status].filter(Boolean).join(" "),
    fields,
  };
}

/** As the log format Text says it, by the type of what says the same in JSON. */
const asText: Readonly<Record<string, (record: Fields) => PlatformReading>> = {
  initStart: (record) => coldStart(textIn(record, "runtimeVersion")),
  initReport: (record) =>
    report([["Init Duration", amountIn(record, "durationMs", "ms", 2)], ...failureIn(record)]),
  start(record) {
    const id = textIn(record, "requestId");
    return { level: "INFO", origin: "start", text: id ? `START RequestId: ${id}` : "START" };
  },
  report: (record) =>
    report([
      ["RequestId", textIn(record, "requestId")],
      ["Duration", amountIn(record, "durationMs", "ms", 2)],
      ["Billed Duration", amountIn(record, "billedDurationMs", "ms")],
      ["Memory Size", amountIn(record, "memorySizeMB", "MB")],
      ["Max Memory Used", amountIn(record, "maxMemoryUsedMB", "MB")],
      ["Init Duration", amountIn(record, "initDurationMs", "ms", 2)],
      ...failureIn(record),
    ]),
};

type Fact = readonly [name: string, value: string | undefined];

const textIn = (record: Fields, name: string): string | undefined =>
  typeof record[name] === "string" ? record[name] : undefined;

/** One of the metrics with its unit; undefined for what is no amount. */
function amountIn({ metrics }: Fields, name: string, unit: string, digits = 0): string | undefined {
  const amount = isRecord(metrics) ? metrics[name] : undefined;
  const isAmount = typeof amount === "number" && amount >= 0 && amount < Infinity;
  return isAmount ? `${amount.toFixed(digits)} ${unit}` : undefined;
}

function failureIn(record: Fields): Fact[] {
  const status = textIn(record, "status");
  return status === undefined || status === "success"
    ? []
    : [
        ["Status", status],
        ["Error Type", textIn(record, "errorType")],
      ];
}

const coldStart = (runtime: string | undefined): PlatformReading => ({
  level: "INFO",
  origin: "init",
  text: ["cold start", runtime].filter(Boolean).join(", "),
});

/** A REPORT, said shorter. */
function report(facts: readonly Fact[]): PlatformReading {
  const values: Readonly<Record<string, string | undefined>> = Object.fromEntries(
    facts.filter(([name, value]) => name && value !== undefined),
  );
  const { Status: status } = values;
  const words = [
    values["Duration"],
    values["Billed Duration"] && `billed ${values["Billed Duration"]}`,
    [values["Max Memory Used"], values["Memory Size"]].filter(Boolean).join(" of "),
    values["Init Duration"] && `cold start ${values["Init Duration"]}`,
    [status, status && values["Error Type"]].filter(Boolean).join(" "),
  ];
  return {
    level: status && status !== "success" ? "ERROR" : "INFO",
    origin: "report",
    text: words.filter(Boolean).join(", "),
    fields: values,
  };
}
