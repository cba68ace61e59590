import { PassThrough } from "node:stream";
import type { WriteStream } from "node:tty";
import { expect, test } from "vitest";
import { telling, type Progress } from "../../src/progress.ts";
import { isCi } from "../../src/settings/environment.ts";
import { canSpin, coloursOn, writerFor } from "../../src/terminal/output.ts";
import { showProgress, type ProgressMode } from "../../src/terminal/progress.ts";
import { screenOn } from "../../src/terminal/screen.ts";

const wait = (elapsedMs: number): Progress => ({
  kind: "waiting",
  id: "Role",
  reason: "IAM",
  elapsedMs,
  budgetMs: 180_000,
});
const events: Progress[] = [
  { kind: "started", id: "Role", title: "Role r" },
  wait(250),
  wait(6_000),
  wait(10_500),
  { kind: "finished", id: "Role", title: "Role r", outcome: "created", detail: "after 11 s", ms: 11_000 },
  { kind: "finished", id: "Api", title: "Api a", outcome: "unchanged", ms: 3 },
  { kind: "failed", id: "Stage", title: "Stage dev", message: "denied\x1b[2J" },
  { kind: "note", message: "a note" },
  { kind: "warning", message: "plain http", hint: "use https" },
  { kind: "debug", message: "region = x" },
];

/** A stream that is no terminal, or looks like one. */
function streamWith(properties: { isTTY: boolean; columns?: number } = { isTTY: false }) {
  const stream = Object.assign(new PassThrough({ encoding: "utf8" }), properties) as unknown as WriteStream;
  return { stream, text: () => String(stream.read() ?? "") };
}

async function shown(mode: ProgressMode, debug = false, told = events): Promise<string> {
  const { stream, text } = streamWith();
  const progress = await showProgress(
    writerFor(stream, undefined, () => undefined),
    { mode, debug, resultOnScreen: true, resultLists: false, adviceText: String },
  );
  told.forEach(progress.report);
  progress.pause();
  return text();
}

test("plain progress is one line per event, a wait is repeated only after ten seconds", async () => {
  expect(await shown("plain")).toBe(
    [
      "  waiting for IAM, 0 s of 180 s",
      "  waiting for IAM, 11 s of 180 s",
      "✓ Role r created (after 11 s), 11.0 s",
      "✓ Api a unchanged",
      "✗ Stage dev: denied\\x1b[2J",
      "a note",
      "warning: plain http",
      "  use https",
      "",
    ].join("\n"),
  );
});

test("of several waits for one reason one speaks for all, and the next when it is over", async () => {
  const throttled = (id: string, seconds: number): Progress => ({
    kind: "waiting",
    id,
    reason: "AWS's request limit",
    elapsedMs: seconds * 1_000,
    budgetMs: 120_000,
  });
  const told: Progress[] = [
    throttled("GetRole", 0),
    throttled("GetApis", 0.4),
    throttled("GetRole", 9),
    throttled("GetApis", 10),
    throttled("GetRole", 10.2),
    throttled("GetApis", 11),
    { kind: "waited", id: "GetRole" },
    throttled("GetApis", 12),
    throttled("GetApis", 13),
  ];
  expect((await shown("plain", false, told)).match(/\d+ s of/g)).toEqual(["0 s of", "10 s of", "12 s of"]);
});

test("S51 how far something is stands in plain lines every ten seconds", async () => {
  const going = [0, 1_000, 9_999, 10_000, 19_000, 20_500].map((elapsedMs): Progress => ({
    kind: "going",
    id: "bench",
    title: `at ${elapsedMs}`,
    elapsedMs,
  }));
  expect(await shown("plain", false, going)).toBe("  at 0\n  at 10000\n  at 20500\n");
  expect(await shown("quiet", false, going)).toBe("");
});

test("what goes on is told at its beginning, and its end needs no line", async () => {
  const told: Progress[] = [];
  {
    using _told = telling((event) => void told.push(event), "reading the log");
  }
  expect(told).toMatchObject([{ kind: "going", title: "reading the log" }, { kind: "over" }]);
  expect(await shown("plain", false, told)).toBe("  reading the log\n");
});

test("--quiet leaves warnings and failures, --debug adds details", async () => {
  expect(await shown("quiet")).toBe("✗ Stage dev: denied\\x1b[2J\nwarning: plain http\n  use https\n");
  expect(await shown("quiet", true)).toContain("region = x\n");
});

test("a spinner needs a terminal with columns that is not CI's", () => {
  const { stream } = streamWith({ isTTY: true, columns: 80 });
  expect(canSpin(stream, {})).toBe(true);
  expect(canSpin(stream, { CI: "true" })).toBe(false);
  expect(canSpin(stream, { TERM: "dumb" })).toBe(false);
  expect(canSpin(streamWith({ isTTY: true, columns: 0 }).stream, {})).toBe(false);
  expect(canSpin(streamWith().stream, {})).toBe(false);
});

test("--no-color wins over FORCE_COLOR, that over NO_COLOR and the kind of stream", () => {
  const terminal = streamWith({ isTTY: true, columns: 80 }).stream;
  const pipe = streamWith({ isTTY: false }).stream;
  const decided = (stream: WriteStream, environment: Record<string, string>, color = true) =>
    coloursOn(stream, { color, environment });
  expect(decided(terminal, {})).toBe(true);
  expect(decided(pipe, {})).toBe(false);
  expect(decided(terminal, { NO_COLOR: "1" })).toBe(false);
  expect(decided(terminal, { CI: "1" })).toBe(false);
  expect(decided(pipe, { FORCE_COLOR: "1", NO_COLOR: "1", CI: "1" })).toBe(true);
  expect(decided(terminal, { FORCE_COLOR: "0" })).toBe(false);
  expect(decided(pipe, { FORCE_COLOR: "1" }, false)).toBe(false);
  expect([
    isCi({}),
    isCi({ CI: "" }),
    isCi({ CI: "false" }),
    isCi({ CI: "true" }),
    isCi({ TF_BUILD: "True" }),
  ]).toEqual([false, false, false, true, true]);
});

test("EPIPE is reported once, then nothing is written any more", () => {
  const { stream, text } = streamWith();
  let times = 0;
  const writer = writerFor(stream, undefined, () => times++);
  writer.write("before\n");
  const closed = Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
  stream.emit("error", closed);
  stream.emit("error", closed);
  writer.write("after\n");
  expect(text()).toBe("before\n");
  expect(times).toBe(1);
});

test("a screen is drawn in place of the last one, also where a narrower terminal broke it", () => {
  const { stream, text } = streamWith({ isTTY: true, columns: 20 });
  stream.rows = 4;
  const screen = screenOn(writerFor(stream, undefined, () => undefined));
  const shownAnew = (rows: number, lines: string) => `\r\x1b[${rows}A\x1b[J${lines}\n`;
  let shownText = "a word and a word";
  screen.show(() => shownText);
  expect(text()).toBe("a word and a word\n");
  stream.columns = 10;
  stream.emit("resize");
  expect(text()).toBe(shownAnew(2, "a word and\n  a word"));
  shownText = "1\n2\n3\n4";
  screen.show(() => shownText);
  expect(text()).toBe(shownAnew(2, "1\n2\n3"));
  screen.end();
  stream.emit("resize");
  expect(text()).toBe("");
});

test("nothing spins over what a person types, whatever is told meanwhile", async () => {
  const { stream, text } = streamWith({ isTTY: true, columns: 80 });
  const moved = () => true;
  const terminal = Object.assign(stream, { cursorTo: moved, clearLine: moved, moveCursor: moved });
  const progress = await showProgress(
    writerFor(terminal, undefined, () => undefined),
    { mode: "spinner", debug: false, resultOnScreen: true, resultLists: false, adviceText: String },
  );
  const step = (id: string): Progress => ({ kind: "started", id, title: `step ${id}` });
  progress.report(step("one"));
  expect(text()).toContain("step one");
  const outer = progress.hold();
  const inner = progress.hold();
  text();
  progress.report(step("two"));
  inner[Symbol.dispose]();
  progress.report(step("three"));
  expect(text()).toBe("");
  outer[Symbol.dispose]();
  progress.report(step("four"));
  expect(text()).toContain("step");
  progress.pause();
});
