import * as sdk from "@aws-sdk/client-lambda";
import type { LambdaAnswer } from "../../gateway/contract.ts";
import type { LogEntry } from "../../runtime/contract.ts";
import { restJson } from "../../wire/rest-json.ts";
import { iam } from "../iam/iam.ts";
import { logs } from "../logs/logs.ts";
import { monitoring } from "../monitoring/monitoring.ts";
import { service } from "../service.ts";
import { regional } from "../state.ts";
import { concurrencyOperations } from "./concurrency.ts";
import { authorization } from "./access.ts";
import { constraints } from "./constraints.ts";
import type { Lambda, LambdaState } from "./function.ts";
import { codeOf, functionOperations } from "./functions.ts";
import { invokeForGateway, invokeOperations, tryOut, type GatewayCall, type OtherCode } from "./invoke.ts";
import { writeLog } from "./logging.ts";
import { policyOperations } from "./policy.ts";
import { secretsIn } from "./secrets.ts";
import { versionOperations } from "./versions.ts";

/** What Lambda lends. */
export interface Functions {
  /** Runs a function for API Gateway, which the function's policy must allow. */
  invokeForGateway(call: GatewayCall): Promise<LambdaAnswer>;
  /** Why a function does not start with other code; undefined where it does. */
  tryOut(code: OtherCode): Promise<string | undefined>;
  /** The zip of the version of a function that has this id, which cannot be guessed. */
  codeOf(id: string): Uint8Array | undefined;
  /** Writes lines of functions into CloudWatch Logs, as far as their roles may write there. */
  writeLog(region: string, entries: readonly LogEntry[]): void;
  /** What is secret in the functions' variables. */
  secrets(): string[];
}

/** Lambda's control plane and Invoke (AWS.md 4). */
export const lambda = service({
  name: "lambda",
  sdk,
  protocol: restJson,
  invalidInput: "ValidationException",
  constraints,
  needs: { roles: iam, logs, metrics: monitoring },
  state: regional<LambdaState>(() => ({ functions: new Map() })),
  operations: [
    ...functionOperations,
    ...versionOperations,
    ...concurrencyOperations,
    ...policyOperations,
    ...invokeOperations,
  ],
  open(given) {
    const parts: Lambda = { ...given, running: new Map() };
    const port: Functions = {
      invokeForGateway: (call) => invokeForGateway(parts, call),
      tryOut: (code) => tryOut(parts, code),
      codeOf: (id) => codeOf(parts, id),
      writeLog: (region, entries) => writeLog(parts, region, entries),
      secrets: () => secretsIn(parts),
    };
    return { parts, port, authorization };
  },
});
