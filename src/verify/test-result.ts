import type { Aws } from "../aws/clients.ts";
import { openEvidence } from "./evidence.ts";
import { examine, type CheckLine } from "./examine.ts";
import { testFunction, type Tested, type TestOptions } from "./invoke.ts";
import { testChecks } from "./selections.ts";

/** What `test` tells: what the event brought, and what the checks say of that. */
export interface TestResult extends Pick<
  Tested,
  | "functionName"
  | "connectionId"
  | "passed"
  | "code"
  | "statusCode"
  | "answer"
  | "ms"
  | "log"
  | "disconnected"
> {
  checks: CheckLine[];
}

/** Tests the function as `testFunction` does, and judges it. */
export async function testResult(aws: Aws, options: TestOptions, signal: AbortSignal): Promise<TestResult> {
  const tested = await testFunction(aws, options, signal);
  const { functionName, connectionId, passed, code, statusCode, answer, ms, log, disconnected } = tested;
  const checks = await examine(testChecks, openEvidence({ invocation: () => Promise.resolve(tested) }));
  return { functionName, connectionId, passed, code, statusCode, answer, ms, log, disconnected, checks };
}
