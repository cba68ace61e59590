import { explainClose } from "../client/frames.ts";
import type { Delivery } from "../client/delivery.ts";
import type { Failure, Played } from "../client/play.ts";
import type { Step } from "../client/script.ts";
import { frameRecord, mismatchLines } from "./conversation.ts";
import { screenWidth, table } from "./format.ts";
import { style } from "./style.ts";

/** What a step of a script does, in words. */
export function stepTitle(step: Step): string {
  const title = titles[step.kind](step as never);
  return `line ${step.line}: ${"as" in step ? `${step.as} ` : ""}${title}`;
}

const titles: { [K in Step["kind"]]: (step: Extract<Step, { kind: K }>) => string } = {
  open: ({ expectStatus }) => (expectStatus === undefined ? "opens" : `is refused with ${expectStatus}`),
  send: () => "sends",
  expect: ({ expectation: { source }, withinMs }) => `receives ${source} within ${withinMs / 1000} s`,
  expectNothing: ({ forMs }) => `receives nothing for ${forMs / 1000} s`,
  close: ({ code }) => `closes with ${code}`,
  pause: ({ ms }) => `pause of ${ms / 1000} s`,
};

/** Why a step was not met, and what came instead. */
export function failureLines(failure: Failure, address: { hostname: string }): string[] {
  const { frame, differences = [] } = failure;
  return [
    reasons[failure.reason](failure, address),
    ...(frame
      ? [frameRecord(frame, failure.reason === "unexpected-frame" ? "" : "nearest: ", screenWidth() - INDENT)]
      : []),
    ...mismatchLines(differences).map((line) => line.trim()),
  ];
}

const reasons: Readonly<Record<Failure["reason"], (failure: Failure, at: { hostname: string }) => string>> = {
  "no-such-frame": ({ frame }) => (frame ? "no such frame" : "no similar frame"),
  "unexpected-frame": () => "a frame came",
  "other-status": ({ status }) => `refused with ${status}`,
  opened: () => "the handshake was accepted",
  closed: ({ closed }, address) => {
    const { code = 1006, reason = "" } = closed ?? {};
    const words = [explainClose(code, address), reason && `reason ${JSON.stringify(reason)}`].filter(Boolean);
    return `closed with ${code}${words.length > 0 ? `: ${words.join("; ")}` : ""}`;
  },
};

/** How far what is said of a step stands in. */
const INDENT = 2;
const indented = (text: string): string[] => text.split("\n").map((line) => " ".repeat(INDENT) + line);

/** How a script ended: how much of it was met, and what was not. */
export function playedText({
  steps,
  total,
  failed,
}: {
  steps: readonly Played[];
  total: number;
  failed?: string[] | undefined;
}): string {
  const met = steps.filter((step) => step.met).length;
  const [title, ...lines] = failed ?? [];
  return [
    `${met} of ${total} steps met`,
    ...(title === undefined ? [] : [`${style.red("✗")} ${title}`, ...lines.flatMap(indented)]),
  ].join("\n");
}

/** Who received the message, and after which time. */
export function deliveryText({ clients, openMs, deliveries }: Delivery): string {
  const rows = deliveries.map(({ client, ms, closed }) => [
    ms === null ? style.red("✗") : style.green("✓"),
    `client ${client}`,
    ms === null ? (closed === undefined ? "nothing received" : `closed with ${closed}`) : `${ms} ms`,
  ]);
  const reached = deliveries.filter(({ ms }) => ms !== null).length;
  return [
    `${clients} clients open in ${openMs} ms; the message of client 1 reached ${reached} of ${clients - 1}`,
    table(rows),
  ].join("\n");
}
