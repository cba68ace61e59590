import { readFile } from "node:fs/promises";
import { CliError } from "../errors/error.ts";
import { exitCodes } from "../errors/codes.ts";
import { readLine } from "../logs/record.ts";
import { connectAws } from "../aws/clients.ts";
import { duration } from "../terminal/format.ts";
import { tokenOf } from "../terminal/line.ts";
import { asRecord, continued } from "../terminal/record.ts";
import { style } from "../terminal/style.ts";
import type { Command } from "../cli/command.ts";
import { testFunction, type TestResult, type WebSocketEvent } from "../verify/invoke.ts";
import { levelWord } from "./logs-tail.ts";

export const command: Command<TestResult> = {
  options: ["booking", "token", "tokenStdin", "type", "event", "functionName", "stage"],
  examples: [
    {
      line: "test",
      does: "invokes the function as if a client of booking 1 connected, and then as if it had left; exit code 3 unless it returns 200",
    },
    {
      line: "test --booking 7 --token-stdin < token.txt",
      does: "with a booking and a token that the backend knows",
    },
    { line: "test --event event.json", does: "with an event of one's own" },
  ],

  async run(settings, context) {
    const event = settings.event === undefined ? undefined : await eventFrom(settings.event);
    const token = settings.tokenStdin ? await tokenOf(context.stdin) : settings.token;
    const aws = await connectAws(settings, context);
    try {
      return await testFunction(aws, { ...settings, token, event }, context.signal);
    } finally {
      aws.close();
    }
  },

  render: renderTest,
  exitCode: ({ passed }) => (passed ? exitCodes.done : exitCodes.different),
};

async function eventFrom(file: string): Promise<WebSocketEvent> {
  const text = await readFile(file, "utf8");
  try {
    const event: unknown = JSON.parse(text);
    if (typeof event === "object" && event !== null) return event;
  } catch (cause) {
    throw new CliError("event-invalid", `${file} is not JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  throw new CliError("event-invalid", `${file} holds no event`, {
    hint: 'an event is a JSON object with a "requestContext"',
  });
}

/** The result for people: the three hops, the answer, the log. */
function renderTest(result: TestResult): string {
  const { handlerRan, backendReached, backendAccepted, meaning, advice, answer, ms, log, forgotten } = result;
  const hops = [
    `${sign(handlerRan)} the handler ran`,
    `${sign(backendReached)} the backend was reached`,
    `${sign(backendAccepted)} the backend accepted`,
    `after ${duration(ms)}: ${continued(meaning)}`,
    ...(advice === null ? [] : [`  ${advice}`]),
  ];
  const left =
    forgotten === false
      ? ["the backend could not be told that the test connection is gone; it expires there by itself"]
      : [];
  return [...hops, ...left, `answer ${JSON.stringify(answer)}`, ...logLines(log)].join("\n");
}

const sign = (outcome: boolean | null) =>
  outcome === null ? style.yellow("?") : outcome ? style.green("✓") : style.red("✗");

function logLines(log: readonly string[]): string[] {
  const readings = log.map(readLine).filter(({ origin }) => origin !== "start" && origin !== "end");
  return readings.length === 0
    ? []
    : [
        "log",
        ...readings.map(({ level, origin, text }) =>
          asRecord(`  ${levelWord(level)}`, origin === "report" ? `report ${text}` : text),
        ),
      ];
}
