import fc from "fast-check";
import { expect, test } from "vitest";
import { asMessage, messageJoiner, type Message } from "../../src/terminal/messages.ts";

function joined(lines: readonly string[], options?: { emptyLineEnds: boolean }): Message[] {
  const joiner = messageJoiner(options);
  return [...lines.flatMap((line) => joiner.add(line)), ...joiner.end()];
}
const pretty = ["{", '  "a": [', "    1,", '    "}"', "  ],", "", '  "b": {}', "}"];
const broken = ["{", '  "a": 1', '  "b": "]"', "}"];

const cases: [what: string, lines: string[], messages: Message[]][] = [
  ["lines of text", ["hello", "", "5", '"x"'], [{ text: "hello" }, { text: "5" }, { text: '"x"' }]],
  ["JSON in one line", ['{"a":1}', "[1]", " {} "], [{ text: '{"a":1}' }, { text: "[1]" }, { text: " {} " }]],
  ["JSON over lines", [...pretty, "next"], [{ text: pretty.join("\n") }, { text: "next" }]],
  ["two of them", [...pretty, ...pretty], [{ text: pretty.join("\n") }, { text: pretty.join("\n") }]],
  ["an array over lines", ["[", "1", ",", "-2e5]"], [{ text: "[\n1\n,\n-2e5]" }]],
  ["a mistake within", [...broken, "next"], [{ text: broken.join("\n"), fault: "broken" }, { text: "next" }]],
  [
    "a line that does not end, before another message",
    ['{"a":1,', '{"b":2}'],
    [{ text: '{"a":1,', fault: "unfinished" }, { text: '{"b":2}' }],
  ],
  [
    "a string that does not end",
    ['{"type": "broken', '{"b":2}'],
    [{ text: '{"type": "broken', fault: "broken" }, { text: '{"b":2}' }],
  ],
  ["no end at all", ["[1,", "2"], [{ text: "[1,\n2", fault: "unfinished" }]],
  [
    "brackets in text",
    ["[INFO] hi", "{", "{x}"],
    [{ text: "[INFO] hi" }, { text: "{", fault: "unfinished" }, { text: "{x}", fault: "broken" }],
  ],
  ["more than one value in a line", ["{} {}"], [{ text: "{} {}", fault: "broken" }]],
  ["what follows the end", ["{", "} x"], [{ text: "{\n} x", fault: "broken" }]],
];

test.each(cases)("F-24 messages of %s", (_what, lines, messages) => {
  expect(joined(lines)).toEqual(messages);
});

test("F-24 an empty line ends a message where a person types, and only there", () => {
  expect(joined(["{", "", "next"], { emptyLineEnds: true })).toEqual([
    { text: "{", fault: "unfinished" },
    { text: "next" },
  ]);
});

test("F-24 every object and array, pretty or not, is one message, whatever is in it", () => {
  const value = fc.jsonValue({ maxDepth: 4 }).filter((made) => typeof made === "object" && made !== null);
  fc.assert(
    fc.property(fc.array(value, { maxLength: 5 }), fc.constantFrom(0, 1, 2, "\t"), (values, space) => {
      const texts = values.map((made) => JSON.stringify(made, undefined, space));
      expect(joined(texts.flatMap((text) => text.split("\n")))).toEqual(texts.map((text) => ({ text })));
    }),
    { numRuns: 300 },
  );
});

test("F-24 any lines keep their characters, and none waits behind a finished message", () => {
  const line = fc.oneof(
    fc.string(),
    fc.constantFrom("{", "}", "[", "]", '"a": 1,', '  "b": [', "  ],", "", "1"),
  );
  fc.assert(
    fc.property(fc.array(line.filter((text) => !text.includes("\n"))), (lines) => {
      const all = joined(lines).flatMap(({ text }) => text.split("\n"));
      expect(all.filter((text) => text !== "")).toEqual(lines.filter((text) => text !== ""));
    }),
    { numRuns: 300 },
  );
});

test("F-24 a message that is given as a whole gets the same hint", () => {
  expect(
    ['{"type": "broken', "{body: 1}", "[1", "{}", "[1]", "[INFO]", "x"].map((text) => asMessage(text).fault),
  ).toEqual(["broken", "broken", "broken", undefined, undefined, undefined, undefined]);
});

test("F-24 what never ends does not fill the memory, and a long message takes no long time", () => {
  const joiner = messageJoiner();
  const begun = joiner.add("[");
  let lines = 0;
  for (let made: Message[] = begun; made.length === 0; lines++) made = joiner.add(`"${"x".repeat(1_000)}",`);
  expect(lines).toBeLessThan(1_100);
  const many = ["[", ...Array.from({ length: 200_000 }, () => "1,"), "1]"];
  expect(joined(many)).toHaveLength(1);
});
