import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import {
  CloudWatchLogsClient,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { startLocalAws } from "../../src/local/server.ts";
import { accessKey, deployTo, environment, msUntilDone, ours } from "./program.ts";
import type { Row } from "./row.ts";

/** The Python to use has boto3. */
const python = process.env["PYTHON"] ?? "python3";
const script = fileURLToPath(new URL("../test/bench/history.py", import.meta.url));
const group = "/aws/lambda/shelfshack-websocket-proxy";
const LINES = 50_000;
/** As many as one call takes. */
const BATCH = 10_000;
const unknown = "AAAAAAAAAAAAAAA=";
const floor = "boto3 loop";
/** Says at its end what a Node process took of memory at most, as the Python script does. */
const tellingMemory = [
  "--import",
  'data:text/javascript,process.on("exit",()=>process.stderr.write(`${process.resourceUsage().maxRSS}\n`))',
];

/** The history of a function that has logged much. */
export const row: Row = {
  title: `logs tail --no-follow of ${LINES.toLocaleString("en")} lines, process`,
  rounds: 7,
  async open() {
    if (spawnSync(python, ["-c", "import boto3"]).status !== 0) return { missing: "pip install boto3" };
    const aws = await startLocalAws({ accessKey });
    await msUntilDone(deployTo(aws.url));
    await fill(aws.url);
    const tail = [...tellingMemory, ours, "logs", "tail", "--no-follow", "--endpoint-url", aws.url];
    return {
      lines: [
        { figure: "all", what: "all lines", unit: "ms", floor, goal: 1.1 },
        { figure: "memory", what: "memory at most", unit: "MB", floor, goal: 1.6, atMost: 110 },
        { figure: "none", what: "--connection without lines", unit: "ms", floor, goal: 1.1 },
      ],
      contenders: {
        ours: () => measured(process.execPath, tail, ["--connection", unknown]),
        [floor]: () => measured(python, [script, aws.url, group], [`{ $.connectionId = "${unknown}" }`]),
      },
      close: aws.close,
    };
  },
};

/** All lines, and with further words those of a connection that there is none of. */
async function measured(program: string, words: readonly string[], further: readonly string[]) {
  const all = await ran(program, words);
  const none = await ran(program, [...words, ...further]);
  return { all: all.ms, memory: all.kilobytes / 1024, none: none.ms };
}

async function ran(program: string, words: readonly string[]) {
  const startedAt = performance.now();
  const child = spawn(program, words, { env: environment, stdio: ["ignore", "ignore", "pipe"] });
  const [said, [code]] = await Promise.all([
    text(child.stderr),
    once(child, "exit") as Promise<[number | null]>,
  ]);
  if (code !== 0) throw new Error(`ended with ${code}: ${said}`);
  return { ms: performance.now() - startedAt, kilobytes: Number(said.trim().split("\n").at(-1)) };
}

/** Lines as the shipped handler writes them, of the last minutes. */
async function fill(endpoint: string): Promise<void> {
  const logs = new CloudWatchLogsClient({ endpoint, region: "us-east-1", credentials: accessKey });
  const stream = { logGroupName: group, logStreamName: "2026/01/01/[1]0123456789abcdef0123456789abcdef" };
  await logs.send(new CreateLogStreamCommand(stream));
  const since = Date.now() - LINES;
  for (let first = 0; first < LINES; first += BATCH) {
    const logEvents = Array.from({ length: BATCH }, (_, at) => ({
      timestamp: since + first + at,
      message: lineOf(first + at),
    }));
    await logs.send(new PutLogEventsCommand({ ...stream, logEvents }));
  }
  logs.destroy();
}

const lineOf = (number: number): string =>
  `${JSON.stringify({
    level: "INFO",
    event: "message",
    requestId: `UbT2nH5bIAMFSnA${number}=`,
    connectionId: `Ub${number % 50}acX1IAMCJpw=`,
    route: "$default",
    status: 200,
    ms: 3,
  })}\n`;
