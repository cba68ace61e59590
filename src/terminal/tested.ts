import { joined, type Advice } from "../errors/advice.ts";
import { readLine } from "../logs/record.ts";
import type { TestResult } from "../verify/test-result.ts";
import { checkLines } from "./checks.ts";
import { screenWidth } from "./format.ts";
import { levelWord } from "./log-line.ts";
import { asRecord } from "./record.ts";

/** The result of the test event: how far it got, the answer, the log. */
export function testText({ checks, answer, log, disconnected }: TestResult, width = screenWidth()): Advice {
  return joined([
    ...checkLines(checks, width),
    ...(disconnected === false ? [notDisconnected] : []),
    `answer ${JSON.stringify(answer)}`,
    ...logLines(log, width),
  ]);
}

const notDisconnected = "the backend was not told that the test connection ended; it expires there by itself";

function logLines(log: readonly string[], width: number): string[] {
  const readings = log.map(readLine).filter(({ origin }) => origin !== "start" && origin !== "end");
  return readings.length === 0
    ? []
    : [
        "log",
        ...readings.map(({ level, origin, text }) =>
          asRecord(`  ${levelWord(level)}`, origin === "report" ? `report ${text}` : text, width),
        ),
      ];
}
