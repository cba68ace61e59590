import { setTimeout as delay } from "node:timers/promises";
import { GetFunctionConfigurationCommand, type FunctionConfiguration } from "@aws-sdk/client-lambda";
import { CliError } from "../errors.ts";
import type { Aws } from "../target.ts";

const FIRST_MS = 200;
const LONGEST_MS = 1_000;
const BUDGET_MS = 300_000;

/**
 * Waits until Lambda takes changes of the function, asking at growing intervals from 0.2 to 1 s, five minutes at most.
 * Our own: the SDK's waiters take every exception for "not yet", so that a missing permission looks like a hang (aws-behaviour 4.5).
 */
export async function changeable(aws: Aws, FunctionName: string): Promise<FunctionConfiguration> {
  const startedAt = performance.now();
  for (let pauseMs = FIRST_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_MS)) {
    const found = await aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    const { State, LastUpdateStatus } = found;
    if (State !== "Pending" && LastUpdateStatus !== "InProgress") return found;
    if (performance.now() - startedAt > BUDGET_MS) {
      throw new CliError(
        `the function ${FunctionName} is still ${State}, its last update ${LastUpdateStatus}, after ${BUDGET_MS / 60_000} minutes`,
      );
    }
    aws.signal.throwIfAborted();
    await delay(pauseMs, undefined, { signal: aws.signal });
  }
}

/** Waits until what was just created or changed is in use. Throws a CliError with Lambda's reason when that failed. */
export async function settled(aws: Aws, FunctionName: string): Promise<void> {
  const { State, StateReason, LastUpdateStatus, LastUpdateStatusReason } = await changeable(aws, FunctionName);
  if (State === "Failed") throw new CliError(`Lambda could not create the function ${FunctionName}: ${StateReason}`);
  if (LastUpdateStatus === "Failed") throw new CliError(`Lambda could not update the function ${FunctionName}: ${LastUpdateStatusReason}`);
}
