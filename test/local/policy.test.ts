import fc from "fast-check";
import { expect, test } from "vitest";
import { arnLike, matchesWildcard } from "../../src/contract/wildcard.ts";
import { decide, statementsIn } from "../../src/local/services/iam/policy.ts";

test("a pattern with stars and question marks means what the regular expression means", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", ":", "/"), maxLength: 12 });
  const patterns = fc.string({ unit: fc.constantFrom("a", "b", ":", "*", "?", "/"), maxLength: 8 });
  fc.assert(
    fc.property(patterns, letters, (pattern, value) => {
      const expression = new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("?", ".")}$`);
      expect(matchesWildcard(pattern, value)).toBe(expression.test(value));
    }),
    { numRuns: 5_000 },
  );
});

test("a hostile pattern takes no time", () => {
  expect(matchesWildcard("*a".repeat(500), "b".repeat(5_000))).toBe(false);
});

const api = "arn:aws:execute-api:us-east-1:000000000000:abc";
test.each([
  [`${api}/*`, `${api}/dev/$connect`, true],
  [`${api}/*/*`, `${api}/dev/$connect`, true],
  [`${api}/*/$connect`, `${api}/dev/$connect`, true],
  [`${api}/*/*/*`, `${api}/dev/$connect`, false],
  [`${api}/prod/*`, `${api}/dev/$connect`, false],
  ["arn:aws:execute-api:*:*:abc/*", `${api}/dev/$connect`, true],
  ["arn:aws:execute-api:*", `${api}/dev/$connect`, false],
  ["*", `${api}/dev/$connect`, false],
])("ArnLike %s and %s: %s", (pattern, arn, matches) => {
  expect(arnLike(pattern, arn)).toBe(matches);
});

test("a Deny beats every Allow, and a condition that is not understood never holds", () => {
  const document = (...statements: object[]) => statementsIn(JSON.stringify({ Statement: statements }));
  const allow = { Effect: "Allow", Action: ["logs:*"], Resource: "*" };
  const access = { action: "logs:PutLogEvents", resource: "arn:aws:logs:us-east-1:0:log-group:g" };
  expect(decide(document(allow), access)).toBe("allowed");
  expect(decide(document(allow, { Effect: "Deny", Action: "logs:put*", Resource: "*" }), access)).toBe(
    "explicitDeny",
  );
  expect(decide(document(), access)).toBe("implicitDeny");
  const conditional = { ...allow, Condition: { DateGreaterThan: { "aws:CurrentTime": "2020-01-01" } } };
  expect(decide(document(conditional), { ...access, context: { "aws:currenttime": "2026-01-01" } })).toBe(
    "implicitDeny",
  );
  // It counts where a permission is possible; where a refusal is possible, so does a Deny.
  expect(decide(document(conditional), access, "Allow")).toBe("allowed");
  const refusing = document(allow, { ...conditional, Effect: "Deny" });
  expect((["Allow", "Deny"] as const).map((effect) => decide(refusing, access, effect))).toEqual([
    "allowed",
    "explicitDeny",
  ]);
});
