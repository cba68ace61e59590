import fc from "fast-check";
import { expect, test } from "vitest";
import { safe, safeJson } from "../../src/terminal/safe.ts";

/** What must never be written, spelled out apart from the code under test. */
function isSteering(code: number): boolean {
  const ranges = [
    [0x00, 0x08], [0x0b, 0x1f], [0x7f, 0x9f], [0x202a, 0x202e], [0x2066, 0x2069], [0x200b, 0x200f],
    [0x2060, 0x2064], [0x61c, 0x61c], [0xfeff, 0xfeff], [0xe0000, 0xe007f], [0xd800, 0xdfff],
    [0xfdd0, 0xfdef], [0x2028, 0x2029],
  ]; // prettier-ignore
  return ranges.some(([from = 0, to = 0]) => code >= from && code <= to);
}

const holdsNone = (text: string): boolean =>
  Array.from(text).every((character) => !isSteering(character.codePointAt(0) ?? 0));

const sequences = [
  "\x1b[31mred", "\x1b]0;title\x07", "\x1b]8;;http://evil\x1b\\link", "\x1b[2J", "\x1b[?1049h", "\x1bc",
  "\x9b31m", "\x9d0;t\x9c", "\x90q\x9c", "a\rb", "a\bb", "\x07", "\x00", "\x7f", "\x85", "\u202eevil",
  "\u2066x\u2069", "\u200e\u200f\u061c", "z\u200bz", "\u200d", "\ufeff", "\u{e0041}", "\ud800", "\udc00x",
  "\u2028", "\x1b[6n", "\x1b]52;c;Zm9v\x07", "\x1b[5i", "\x1bP+q544e\x1b\\", "\x0e\x0f", "\ufdd0bold\ufdd1x",
  "\u00ad", "\u180e",
]; // prettier-ignore

test("C-01 known sequences become visible escapes", () => {
  for (const sequence of sequences) {
    expect(holdsNone(safe(sequence)), JSON.stringify(sequence)).toBe(true);
    expect(safe(sequence)).toContain("\\");
  }
  expect(safe("\x1b[31m")).toBe("\\x1b[31m");
  expect(safe("\u202e")).toBe("\\u202e");
  expect(safe("\u{e0041}")).toBe("\\u{e0041}");
  expect(safe("\ud800")).toBe("\\ud800");
});

test("C-01 any text is safe afterwards, and a harmless one is as it was", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => holdsNone(safe(text))),
    { numRuns: 20_000 },
  );
  const harmless = "Grüße, 你好, \u{1f600} \t\n→ ±✓";
  expect(safe(harmless)).toBe(harmless);
});

test("C-01 a JSON document holds nothing raw and reads back as the same value", () => {
  for (const sequence of sequences) {
    const json = safeJson({ [sequence]: sequence });
    expect(holdsNone(json)).toBe(true);
    expect(JSON.parse(json)).toEqual({ [sequence]: sequence });
  }
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const json = safeJson(value, 2);
      expect(holdsNone(json)).toBe(true);
      expect(JSON.stringify(JSON.parse(json))).toBe(JSON.stringify(value));
    }),
    { numRuns: 2_000 },
  );
  expect(safeJson(undefined)).toBe("null");
});
