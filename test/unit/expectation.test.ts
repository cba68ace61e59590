import fc from "fast-check";
import { expect, test } from "vitest";
import { expectation, expectations } from "../../src/client/expectation.ts";
import type { Frame } from "../../src/client/session.ts";

const frame = (text: string): Frame => ({
  direction: "received",
  at: "2026-11-23T10:00:00.000Z",
  bytes: Buffer.byteLength(text),
  text,
});
const binary: Frame = { direction: "received", at: "2026-11-23T10:00:00.000Z", bytes: 2, base64: "AAE=" };
const isMet = (source: string, text: string) =>
  expectation(source).compare(frame(text)).differences.length === 0;

test.each([
  ['{"type":"ack"}', '{"type":"ack","id":5}', true],
  ['{"type":"ack"}', '{"type":"nack"}', false],
  ['{"a":{"b":1}}', '{"a":{"b":1,"c":2},"d":3}', true],
  ['{"a":{"b":1}}', '{"a":1}', false],
  ["{}", '{"anything":true}', true],
  ["{}", "[]", false],
  ['{"a":null}', "{}", false],
  ['{"a":null}', '{"a":null}', true],
  ['{"a":1}', '{"a":"1"}', false],
  ["[1,2]", "[1,2]", true],
  ["[1,2]", "[1,2,3]", false],
  ["[1,2]", "[2,1]", false],
  ['[{"id":1}]', '[{"id":1,"x":2}]', true],
  ['{"toString":1}', "{}", false],
  ['{"__proto__":{"a":1}}', "{}", false],
  ["null", "null", true],
  ["5", "5", true],
  ['"hello"', "hello", true],
  ['"hello"', '"hello"', true],
  ["~hel+o", "well, hello", true],
  ["~^hello$", "well, hello", false],
  ['~"type":"ack"', '{"type":"ack"}', true],
])("S18 %s is met by %s: %s", (source, text, met) => {
  expect(isMet(source, text)).toBe(met);
});

test("every JSON value is a subset of itself, and an object of itself with more keys", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      return isMet(text, text);
    }),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (object, key) => {
      return isMet(JSON.stringify(object), JSON.stringify({ [`${key}!new`]: 1, ...object }));
    }),
  );
});

test("the paths that differ are named, with what was expected and what was there", () => {
  const { differences } = expectation('{"type":"ack","user":{"ids":[1,2]},"at":1}').compare(
    frame('{"type":"nack","user":{"ids":[1,3]}}'),
  );
  expect(differences).toEqual([
    { path: "$.type", expected: "ack", actual: "nack" },
    { path: "$.user.ids[1]", expected: 2, actual: 3 },
    { path: "$.at", expected: 1 },
  ]);
});

test("the nearest frame has the most right values; a frame without any right value is not near", () => {
  const following = expectations([expectation('{"type":"ack","id":5}')]);
  for (const text of ["hello", '{"type":"nack","id":4}', '{"type":"ack","id":4}', '{"type":"nack","id":4}'])
    expect(following.see(frame(text))).toBe(false);
  const [result] = following.results();
  expect(result).toMatchObject({
    met: false,
    nearest: { frame: { text: '{"type":"ack","id":4}' }, differences: [{ path: "$.id" }] },
  });
  const far = expectations([expectation('{"type":"ack"}')]);
  far.see(frame("hello"));
  far.see(binary);
  expect(far.results()).toEqual([{ expected: '{"type":"ack"}', met: false }]);
});

test("several expectations are met in any order, and one frame may meet more than one", () => {
  const following = expectations([expectation('{"id":1}'), expectation("~two"), expectation('{"id":2}')]);
  expect(following.see(frame('{"id":2,"text":"two"}'))).toBe(false);
  expect(following.see(frame("noise"))).toBe(false);
  expect(following.see(frame('{"id":1}'))).toBe(true);
  expect(following.results().every(({ met }) => met)).toBe(true);
});

test("without expectations no frame ends anything", () => {
  expect(expectations([]).see(frame("{}"))).toBe(false);
});

test("what is neither JSON nor a regular expression is refused with exit code 2 and a way out", () => {
  expect(() => expectation("hello")).toThrow(
    expect.objectContaining({ exitCode: 2, hint: expect.stringContaining("~hello") }),
  );
  expect(() => expectation("~(")).toThrow(expect.objectContaining({ exitCode: 2 }));
});

test("a pattern that needs exponential time is stopped and named", () => {
  const startedAt = performance.now();
  expect(() => expectation("~^(a+)+$").compare(frame(`${"a".repeat(50)}b`))).toThrow(/took longer than 1 s/);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});
