import { expect, test } from "vitest";
import { shortValues } from "../../src/terminal/changes.ts";

const statement = (stage: string) => [
  { Sid: "Push", Resource: `${"arn:".repeat(60)}${stage}/POST/${"x".repeat(200)}` },
];

test("two long values are shown where they part, short ones whole", () => {
  const { from, to } = shortValues({ path: "Statement", from: statement("dev"), to: statement("other") });
  expect(from).toMatch(/^….*arn:dev\/POST\/x+…$/);
  expect(to).toMatch(/^….*arn:other\/POST\/x+…$/);
  expect(Math.max(from.length, to.length)).toBeLessThanOrEqual(122);
  expect(shortValues({ path: "Memory", from: undefined, to: 256 })).toEqual({ from: "(not set)", to: "256" });
  const longer = "a".repeat(200);
  expect(shortValues({ path: "x", from: longer, to: `${longer}b` })).toEqual({
    from: `…${"a".repeat(40)}`,
    to: `…${"a".repeat(40)}b`,
  });
});

test("F-49 an empty value and one that is not set are told apart", () => {
  expect(shortValues({ path: "DeploymentId", from: "", to: "dep1" })).toEqual({ from: '""', to: "dep1" });
  expect(shortValues({ path: "DeploymentId", from: undefined, to: "" })).toEqual({
    from: "(not set)",
    to: '""',
  });
  expect(shortValues({ path: "Tags.cost", from: "b", to: null })).toEqual({ from: "b", to: "(removed)" });
});
