import type { Conversation } from "../client/conversation.ts";
import type { ExpectationResult, Mismatch } from "../client/expectation.ts";
import { explainFrame, type FrameExplanation } from "../client/frames.ts";
import type { Source } from "../client/handshake.ts";
import type { Closed, Frame } from "../client/session.ts";
import { jsonIn } from "../contract/json.ts";
import { joined, partsOf, type Advice } from "../errors/advice.ts";
import type { PhaseTimes } from "../client/phases.ts";
import { duration, screenWidth, wrap } from "./format.ts";
import { asRecord, clockTime } from "./record.ts";
import { style } from "./style.ts";

/**
 * A frame as it is shown, with an explanation where API Gateway itself has sent it; `as` one of several
 * clients.
 */
export type ExplainedFrame = Frame & Partial<FrameExplanation> & { kind: "frame"; as?: string };

/** Behind an address that was given no stack is known, so nothing is advised about one. */
export function explained(frame: Frame, source: Source): ExplainedFrame {
  const kind = "frame";
  if (frame.direction !== "received" || frame.text === undefined) return { kind, ...frame };
  const { fix, ...explanation } = explainFrame(frame.text) ?? {};
  return { kind, ...frame, ...explanation, ...(fix !== undefined && source !== "given" && { fix }) };
}

const arrows = { sent: "→", received: style.green("←") } as const;

/** A frame with time and size, and what it means. */
export const frameLine = (frame: ExplainedFrame): Advice =>
  joined([frameRecord(frame), ...explanationLines(frame)]);

const wrapped = (text: string | undefined): string[] =>
  text === undefined ? [] : wrap(text, screenWidth() - 2);

function explanationLines({ meaning, fix }: ExplainedFrame): Advice[] {
  return [
    ...wrapped(meaning).map((line) => `  ${style.magenta(line)}`),
    ...(fix === undefined ? [] : [["  ", ...partsOf(fix)]]),
  ];
}

/** In a pipe: what is received, a frame a line; what is sent, and what a frame means, aside. */
export function framePlain(frame: ExplainedFrame): { content?: string; aside?: Advice } {
  if (frame.direction === "sent") return { aside: frameRecord(frame) };
  const explanation = explanationLines(frame);
  return {
    content: `${frame.as === undefined ? "" : `${frame.as}: `}${inOneLine(contentOf(frame))}`,
    ...(explanation.length > 0 ? { aside: joined(explanation) } : {}),
  };
}

/** Line ends are blanks in JSON, and nothing else there; in other texts they are shown. */
const inOneLine = (text: string): string =>
  /[\r\n]/.test(text) ? text.replaceAll(/\r\n|\r|\n/g, jsonIn(text) !== undefined ? " " : "\\n") : text;

const contentOf = ({ text, base64 }: Frame): string => text ?? `(binary) ${base64}`;

/** A frame with time, size and content behind `before`; `as` one of several clients. */
export function frameRecord(frame: Frame & { as?: string }, before = "", width = screenWidth()): string {
  const { direction, at, bytes, as } = frame;
  const who = as === undefined ? "" : `${style.bold(as)} `;
  return asRecord(
    `${before}${style.dim(clockTime(at))} ${who}${arrows[direction]} ${sizeOf(bytes)}`,
    contentOf(frame),
    width,
  );
}

const sizeOf = (bytes: number) => (bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} KB`);

/** What is said of an ended conversation; `meaning` explains the close code. */
type Ended = Omit<Conversation, "sentAll" | "close"> & {
  close: Closed & { meaning?: string };
  firstFrameMs?: number;
  keptAlive?: number;
};

const phaseNames: Readonly<Record<keyof PhaseTimes, string>> = {
  proxy: "proxy",
  lookup: "DNS",
  connect: "TCP",
  tls: "TLS",
  http: "upgrade",
};

/** What the time of an opening was spent on: `DNS 1 ms, TCP 2 ms, upgrade 5 ms`. */
export const phasesText = (times: PhaseTimes): string =>
  (Object.keys(phaseNames) as (keyof PhaseTimes)[])
    .flatMap((part) => (times[part] === undefined ? [] : [`${phaseNames[part]} ${duration(times[part])}`]))
    .join(", ");

/** How a conversation ended, in a line. */
export function ending({ sent, received, ended, close, firstFrameMs, keptAlive }: Ended): string {
  const first = firstFrameMs === undefined ? "" : ` (the first came after ${duration(firstFrameMs)})`;
  const pings = keptAlive === undefined ? "" : `, and ${keptAlive} to keep it alive`;
  const counts = `${sent} sent${pings}, ${received} received${first}`;
  if (ended === "frame-broken")
    return `${counts}; closed by us with ${close.code}, because of what the peer sent: ${close.error}`;
  if (ended !== "peer-closed") return ended === "timed-out" ? `${counts}; timed out` : counts;
  const words = [close.meaning, close.reason && `reason ${JSON.stringify(close.reason)}`, close.error].filter(
    Boolean,
  );
  return `${counts}; closed by the peer with ${close.code}${words.length > 0 ? `: ${words.join("; ")}` : ""}`;
}

/** Whether an expectation was met, and by what it was missed. */
export function expectationLines(result: ExpectationResult): string {
  if (result.met) return `${style.green("✓")} ${result.expected}`;
  const { expected, nearest } = result;
  if (!nearest) return `${style.red("✗")} ${expected}\n  no similar frame`;
  return [
    `${style.red("✗")} ${expected}`,
    frameRecord(nearest.frame, "  nearest: "),
    ...mismatchLines(nearest.differences),
  ].join("\n");
}

/** What is wrong in a frame that came near, a value a line. */
export const mismatchLines = (differences: readonly Mismatch[]): string[] => differences.map(mismatchLine);

const mismatchLine = (mismatch: Mismatch): string =>
  `  ${mismatch.path}: expected ${JSON.stringify(mismatch.expected)}, ` +
  ("actual" in mismatch ? `got ${JSON.stringify(mismatch.actual)}` : "missing");
