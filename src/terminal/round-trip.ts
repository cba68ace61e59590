import { joined, partsOf, type Advice } from "../errors/advice.ts";
import { readLine } from "../logs/record.ts";
import type { TestResult } from "../verify/invoke.ts";
import type { SmokeTest } from "../verify/round-trip.ts";
import { duration } from "./format.ts";
import { levelWord } from "./log-line.ts";
import { asRecord, continued } from "./record.ts";
import { style } from "./style.ts";

/** The smoke test of a deploy in three lines. */
export function smokeTestLines({ invocation, frames, roundTrip }: SmokeTest): string[] {
  const mark = (good: boolean) => (good ? style.green("✓") : style.magenta("!"));
  const trip = roundTrip.open
    ? `a WebSocket opened through the whole path in ${duration(roundTrip.ms)}`
    : roundTrip.meaning;
  return [
    `${mark(invocation.passed)} test event: ${invocation.meaning}`,
    `${mark(frames.reached === true)} ${continued(frames.meaning)}`,
    `${mark(roundTrip.open)} ${trip}`,
  ];
}

/** The result of the test event: the three hops, the answer, the log. */
export function testText(result: TestResult): Advice {
  const isOwn = result.code === "own-accepted" || result.code === "own-refused";
  const { handlerRan, backendReached, backendAccepted, meaning, fix, answer, ms, log } = result;
  return joined([
    `${sign(handlerRan)} the handler ran`,
    ...(isOwn
      ? []
      : [`${sign(backendReached)} the backend was reached`, `${sign(backendAccepted)} the backend accepted`]),
    `after ${duration(ms)}: ${continued(meaning)}`,
    ...(fix === null ? [] : [["  ", ...partsOf(fix)]]),
    ...(result.disconnected === false ? [notDisconnected] : []),
    `answer ${JSON.stringify(answer)}`,
    ...logLines(log),
  ]);
}

const notDisconnected = "the backend was not told that the test connection ended; it expires there by itself";

const sign = (outcome: boolean | null) =>
  outcome === null ? style.magenta("?") : outcome ? style.green("✓") : style.red("✗");

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
