import { expect, test } from "vitest";
import { steps } from "../../src/settings/table.ts";
import { scopeOf } from "../../src/stack/steps.ts";
import { openTestStack } from "../support/stack.ts";

/** The stack as it is described; nothing is called. */
async function described() {
  const { stack } = await openTestStack("http://127.0.0.1:9");
  return stack;
}

test("every step of --only covers something", async () => {
  const { resources } = await described();
  const covering = steps.filter((step) => resources.some((resource) => scopeOf([step])?.(resource)));
  expect(covering).toEqual(steps);
});

test("every resource is made by a step or is looked up only", async () => {
  const { resources } = await described();
  for (const { id, step, desired, create } of resources) {
    const [maker] = typeof step === "object" ? (Array.isArray(step) ? step : Object.keys(step)) : [step];
    expect(
      steps.some((name) => name === maker),
      id,
    ).toBe(desired !== undefined);
    expect(create !== undefined, id).toBe(desired !== undefined);
  }
});

test("the steps together cover every property of the function, and --code-only the code alone", async () => {
  const { lambdaFunction } = await described();
  const paths = ["CodeSha256", "Runtime", "Environment.BACKEND_URL", "Environment.API_GATEWAY_ENDPOINT"];
  const coveredBy = (part: "function" | "env" | "endpoint" | "code") =>
    paths.filter((path) => scopeOf([part])?.(lambdaFunction, path));
  expect(coveredBy("function")).toEqual(["CodeSha256", "Runtime"]);
  expect(coveredBy("env")).toEqual(["Environment.BACKEND_URL"]);
  expect(coveredBy("endpoint")).toEqual(["Environment.API_GATEWAY_ENDPOINT"]);
  expect(coveredBy("code")).toEqual(["CodeSha256"]);
});
