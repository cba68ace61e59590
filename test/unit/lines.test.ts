import { PassThrough } from "node:stream";
import type { WriteStream } from "node:tty";
import { expect, test } from "vitest";
import type { Progress } from "../../src/progress.ts";
import { placeText, renderChanges, removalText } from "../../src/terminal/changes.ts";
import { annotation } from "../../src/terminal/github.ts";
import { pipedLines } from "../../src/terminal/line.ts";
import { recordLine } from "../../src/terminal/log-line.ts";
import { readsCommands } from "../../src/settings/environment.ts";
import { writerFor } from "../../src/terminal/output.ts";
import { showProgress } from "../../src/terminal/progress.ts";
import { asProblem, asRecord } from "../../src/terminal/record.ts";
import { safeJson } from "../../src/terminal/safe.ts";

const hostile = [
  "x\nerror: forged",
  "x\r\n::error::forged",
  "::set-output name=a::b",
  "  ::add-mask::x",
  "##[set-output name=image_tag;]chosen",
  "a ##vso[task.setvariable variable=x]y",
  "##teamcity[buildStatus]",
];

function streamOf() {
  const stream = new PassThrough({ encoding: "utf8" }) as unknown as WriteStream;
  const writer = writerFor(stream, undefined, () => undefined, true);
  return { writer, text: () => String(stream.read() ?? "") };
}

/** Everything of the terminal that holds text from outside, with that text in every place. */
const outputs: Readonly<Record<string, (text: string) => string | undefined>> = {
  error: (text) => asProblem("error:", text, text),
  record: (text) => asRecord("head", text),
  "log line": (text) =>
    recordLine({ at: "2026-11-27T10:00:00Z", level: "ERROR", origin: "handler", text } as never),
  differences: (text) =>
    renderChanges(
      [
        {
          id: "Role",
          name: text,
          action: "update",
          compared: true,
          differences: [{ path: text, from: text, to: `${text}2` }],
          brings: [{ path: text, from: text, to: `${text}2` }],
        } as never,
      ],
      "would",
    ),
  place: (text) =>
    placeText({
      account: text,
      region: text,
      profile: text,
      endpointUrl: text,
      stack: text,
      managedBy: text,
    }),
  removal: (text) =>
    removalText({
      account: "1",
      region: "r",
      profile: null,
      endpointUrl: null,
      stack: "s",
      managedBy: null,
      changed: true,
      removed: [{ id: "Role", type: "", name: text, physicalId: text }],
      left: [{ id: "Function", type: "", name: text, physicalId: text, keeps: "its code" }],
    }),
};
const events = (text: string): Progress[] => [
  { kind: "waiting", id: "a", reason: text, elapsedMs: 1, budgetMs: 2 },
  { kind: "finished", id: "b", title: text, outcome: "created", detail: text, ms: 1 },
  { kind: "failed", id: "c", title: text, message: text },
  { kind: "note", message: text },
  { kind: "warning", message: text, hint: text },
  { kind: "debug", message: text },
];

/** What Actions, Azure and TeamCity take for a command in a line. */
const isCommand = (line: string) => /^\s*::|##\w*\[/.test(line);

test.each(hostile)("F-16 %j makes neither a line of its own nor a command, in any output", async (text) => {
  const { writer, text: written } = streamOf();
  for (const [name, output] of Object.entries(outputs)) {
    writer.write(`${output(text)}\n`);
    const lines = written().split("\n");
    expect(
      lines.filter((line) => isCommand(line) || line.startsWith("error: forged")),
      name,
    ).toEqual([]);
  }
  const options = {
    mode: "plain",
    debug: true,
    resultOnScreen: false,
    resultLists: false,
    adviceText: String,
  } as const;
  const progress = await showProgress(writer, options);
  for (const event of events(text)) {
    progress.report(event);
    const lines = written().split("\n");
    expect(
      lines.filter((line) => isCommand(line) || line.startsWith("error:")),
      event.kind,
    ).toEqual([]);
  }
  expect(annotation({ level: "error", message: text, hint: text }).match(/^\s*::|##\w*\[/gm)).toEqual(["::"]);
  const json = safeJson({ [text]: text }, 2);
  expect(json.split("\n").filter(isCommand)).toEqual([]);
  expect(JSON.parse(json)).toEqual({ [text]: text });
});

test("F-16 only where a CI system reads the output are its commands changed", () => {
  expect(readsCommands({ GITHUB_ACTIONS: "true" })).toBe(true);
  expect(readsCommands({ CI: "true" })).toBe(false);
});

test("F-24 a byte order mark at the start of stdin is not sent, one within is", async () => {
  const input = new PassThrough();
  input.end("\ufeff{}\n\ufeffb\n");
  const lines: string[] = [];
  for await (const line of pipedLines(input as unknown as NodeJS.ReadStream)) lines.push(line);
  expect(lines).toEqual(["{}", "\ufeffb"]);
});

test("F-25 what is read waits until the output has been", async () => {
  const stream = new PassThrough({ highWaterMark: 10 }) as unknown as WriteStream;
  const writer = writerFor(stream, undefined, () => undefined);
  const never = new AbortController();
  await writer.drained(never.signal);
  writer.write("more than ten characters");
  let isDrained = false;
  const draining = writer.drained(never.signal).then(() => (isDrained = true));
  await new Promise(setImmediate);
  expect(isDrained).toBe(false);
  stream.read();
  await draining;

  writer.write("more than ten characters");
  const left = writer.drained(never.signal);
  never.abort();
  await left;
});
