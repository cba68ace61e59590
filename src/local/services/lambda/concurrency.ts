import type * as sdk from "@aws-sdk/client-lambda";
import { findFunction, invalidParameter, referenceOf } from "./function.ts";
import type { Operations } from "../operations.ts";
import { regionIn, type World } from "../../state.ts";

const accountConcurrency = 1000;
/** What must stay unreserved. */
const unreservedMinimum = 100;

/** Reserved concurrency, and the account's limits that it is taken from (AWS.md 4.9). */
export function concurrencyOperations(world: World): Operations<typeof sdk> {
  return {
    PutFunctionConcurrency({ FunctionName, ReservedConcurrentExecutions }, { region, now }) {
      const found = findFunction(world, region, referenceOf(FunctionName), now);
      const others = [...regionIn(world.state, region).functions.values()].filter((other) => other !== found);
      const reserved = others.reduce(
        (sum, { reservedConcurrency = 0 }) => sum + reservedConcurrency,
        ReservedConcurrentExecutions,
      );
      if (accountConcurrency - reserved < unreservedMinimum)
        throw invalidParameter(
          `Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [${unreservedMinimum}].`,
        );
      found.reservedConcurrency = ReservedConcurrentExecutions;
      return { ReservedConcurrentExecutions };
    },
    GetFunctionConcurrency({ FunctionName }, { region, now }) {
      const { reservedConcurrency } = findFunction(world, region, referenceOf(FunctionName), now);
      return reservedConcurrency === undefined ? {} : { ReservedConcurrentExecutions: reservedConcurrency };
    },
    DeleteFunctionConcurrency({ FunctionName }, { region, now }) {
      findFunction(world, region, referenceOf(FunctionName), now).reservedConcurrency = undefined;
    },
    GetAccountSettings(_input, { region }) {
      const functions = [...regionIn(world.state, region).functions.values()];
      const reserved = functions.reduce((sum, { reservedConcurrency = 0 }) => sum + reservedConcurrency, 0);
      return {
        AccountLimit: {
          TotalCodeSize: 80_530_636_800,
          CodeSizeUnzipped: 262_144_000,
          CodeSizeZipped: 52_428_800,
          ConcurrentExecutions: accountConcurrency,
          UnreservedConcurrentExecutions: accountConcurrency - reserved,
        },
        AccountUsage: {
          TotalCodeSize: functions.reduce((sum, { latest }) => sum + latest.zip.length, 0),
          FunctionCount: functions.length,
        },
      };
    },
  };
}
