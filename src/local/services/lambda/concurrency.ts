import type * as sdk from "@aws-sdk/client-lambda";
import { firstQuotas } from "../../../contract/quotas.ts";
import { all } from "../../wire/members.ts";
import { operations } from "../operations.ts";
import {
  findChangeable,
  findFunction,
  invalidParameter,
  latestNotFound,
  referenceOf,
  refuseQualified,
  type FunctionState,
  type Lambda,
} from "./function.ts";

const op = operations<typeof sdk, Lambda>();

const { concurrency: accountConcurrency } = firstQuotas;
/** What must stay unreserved. */
const unreservedMinimum = 100;

/** Reserved concurrency, and the account's limits that it is taken from (AWS.md 4.9). */
export const concurrencyOperations = [
  op(
    "PutFunctionConcurrency",
    { FunctionName: all, ReservedConcurrentExecutions: all },
    ({ FunctionName, ReservedConcurrentExecutions: wanted }, at) => {
      const asked = referenceOf(FunctionName);
      refuseQualified(asked);
      const found = findFunction(at, asked, latestNotFound);
      const others = [...at.state.in(at.region).functions.values()].filter((other) => other !== found);
      if (accountConcurrency - reservedBy(others) - wanted < unreservedMinimum)
        // This one has no Type on AWS.
        throw invalidParameter(
          "Specified ReservedConcurrentExecutions for function decreases account's " +
            `UnreservedConcurrentExecution below its minimum value of [${unreservedMinimum}].`,
          { Type: undefined },
        );
      found.reservedConcurrency = wanted;
      return { ReservedConcurrentExecutions: wanted };
    },
  ),
  op("GetFunctionConcurrency", { FunctionName: all }, ({ FunctionName }, at) => {
    const { reservedConcurrency } = findFunction(at, referenceOf(FunctionName));
    return reservedConcurrency === undefined ? {} : { ReservedConcurrentExecutions: reservedConcurrency };
  }),
  op("DeleteFunctionConcurrency", { FunctionName: all }, ({ FunctionName }, at) => {
    findChangeable(at, FunctionName).reservedConcurrency = undefined;
  }),
  op("GetAccountSettings", {}, (_input, { state, region }) => {
    const functions = [...state.in(region).functions.values()];
    return {
      AccountLimit: {
        TotalCodeSize: 80_530_636_800,
        CodeSizeUnzipped: 262_144_000,
        CodeSizeZipped: 52_428_800,
        ConcurrentExecutions: accountConcurrency,
        UnreservedConcurrentExecutions: accountConcurrency - reservedBy(functions),
      },
      AccountUsage: {
        TotalCodeSize: functions.reduce((sum, { latest }) => sum + latest.zip.length, 0),
        FunctionCount: functions.length,
      },
    };
  }),
];

const reservedBy = (functions: readonly FunctionState[]): number =>
  functions.reduce((sum, { reservedConcurrency = 0 }) => sum + reservedConcurrency, 0);
