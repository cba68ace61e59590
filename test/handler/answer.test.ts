import fc from "fast-check";
import { expect, test } from "vitest";
import type { Accepted } from "../../handler/backend.ts";
import { consequenceOf } from "../../handler/answer.ts";
import { initialFrames } from "../../handler/connect.ts";
import { messageEvent } from "../support/golden-events.ts";
import { contextWith, testHandler } from "../support/test-handler.ts";

function accepted(text: string): Accepted {
  return { ok: true, status: 200, attempts: 1, text, value: JSON.parse(text) as Record<string, unknown> };
}

/** Reads an answer both ways: as that of a message, and as that of a handshake. */
function readBothWays(text: string): void {
  const { plan } = consequenceOf(accepted(text), "self=", "r");
  expect(plan).toBeInstanceOf(Map);
  for (const frame of initialFrames(accepted(text))) expect(() => JSON.parse(frame) as unknown).not.toThrow();
}

test("H-09 no JSON under deliver, close or initial hangs or breaks the reader", () => {
  const value = fc.jsonValue({ stringUnit: "binary" });
  const target = fc.oneof(value, fc.constantFrom("self", "A1=", ["self", "A1="]));
  const entry = fc.oneof(
    value,
    fc.record({ to: target, data: value }, { requiredKeys: [] }),
    fc.array(value),
  );
  const member = fc.oneof(value, fc.array(entry));
  const answer = fc.record(
    { deliver: member, close: fc.oneof(member, target), initial: member },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(answer, fc.constantFrom(0, 1, 2), (object, indent) => {
      readBothWays(JSON.stringify(object, null, indent));
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  ["a megabyte of entries", `{"deliver":[${Array(40_000).fill('{"to":"a","data":1}').join()}]}`],
  ["deep nesting", `{"deliver":${"[".repeat(5_000)}${"]".repeat(5_000)}}`],
  [
    "a megabyte of quotes",
    JSON.stringify({ initial: '"\\'.repeat(200_000), deliver: ['"'.repeat(100_000)] }),
  ],
])("H-09 %s is read in linear time", { timeout: 10_000 }, (_title, text) => {
  readBothWays(text);
});

test.each(["[[1]]", "[[]]", "[1]", '["x"]', '[["to"]]', '[{"to":"A1=","data":1},[{"to":"A1=","data":1}]]'])(
  "deliver %s is not a directive and the sender gets an error frame",
  async (deliver) => {
    const { handler, backend, connections } = await testHandler();
    backend.answer = () => ({ deliver: JSON.parse(deliver) as unknown });
    expect(await handler(messageEvent("{}"), contextWith())).toEqual({ statusCode: 200 });
    expect(connections.sent.map(({ frame }) => JSON.parse(frame) as unknown)).toMatchObject([
      { code: "backend_unavailable" },
    ]);
  },
);
