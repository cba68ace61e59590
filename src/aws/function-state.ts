import { setTimeout as delay } from "node:timers/promises";
import { GetFunctionConfigurationCommand, type FunctionConfiguration } from "@aws-sdk/client-lambda";
import { CliError } from "../errors/error.ts";
import type { Aws } from "./clients.ts";

const FIRST_MS = 200;
const LONGEST_MS = 1_000;
const BUDGET_MS = 300_000;

/**
 * Waits until Lambda takes changes of the function, asking at growing intervals from 0.2 to 1 s, five minutes
 * at most. Our own: the SDK's waiters take every exception for "not yet", so that a missing permission looks
 * like a hang (AWS.md 4.5).
 */
export async function untilIdle(aws: Aws, FunctionName: string): Promise<FunctionConfiguration> {
  const startedAt = performance.now();
  for (let pauseMs = FIRST_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_MS)) {
    const found = await aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    const { State, LastUpdateStatus } = found;
    if (State !== "Pending" && LastUpdateStatus !== "InProgress") return found;
    if (performance.now() - startedAt > BUDGET_MS) {
      throw new CliError(
        "function-still-changing",
        `the function ${FunctionName} is still ${State}, its last update ${LastUpdateStatus}, after ${BUDGET_MS / 60_000} minutes`,
      );
    }
    aws.signal.throwIfAborted();
    await delay(pauseMs, undefined, { signal: aws.signal });
  }
}

/**
 * Waits until what was just created or changed is in use. Throws a CliError with Lambda's reason when that
 * failed (FAULTS.md D-14).
 */
export async function untilActive(aws: Aws, FunctionName: string): Promise<void> {
  const state = stateOf(await untilIdle(aws, FunctionName));
  if (state !== "Active")
    throw new CliError("function-broken", `the function ${FunctionName} does not work: ${state}`, {
      hint: "mend what it names; where that does not help, remove the function (shelfshack-ws destroy) and deploy again",
    });
}

/**
 * "Active" where Lambda runs what was deployed, otherwise why it does not, with the reason's code. A function
 * that is idle wakes up by itself.
 */
export function stateOf({
  State = "Active",
  StateReason,
  StateReasonCode,
  LastUpdateStatus = "Successful",
  LastUpdateStatusReason,
  LastUpdateStatusReasonCode,
}: FunctionConfiguration): string {
  const words = (what: string, reason = "no reason given", code = "no code") =>
    `${what}: ${reason} (${code})`;
  if (State !== "Active" && State !== "Inactive")
    return words(`State ${State}`, StateReason, StateReasonCode);
  if (LastUpdateStatus === "Successful") return "Active";
  return words(`LastUpdateStatus ${LastUpdateStatus}`, LastUpdateStatusReason, LastUpdateStatusReasonCode);
}
