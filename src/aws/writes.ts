import type { Pluggable } from "@smithy/types";
import type { AnyOperation } from "./services.ts";

/** What a run has written, in words for people. */
export interface Writes {
  /** AWS has answered these. */
  done: Set<string>;
  /** And these were sent: one that is not done may still have been carried out. */
  begun: Set<string>;
}

export const noWrites = (): Writes => ({ done: new Set(), begun: new Set() });

/** How the names of operations begin that change nothing which is kept. */
const reads = [
  "Get",
  "List",
  "Describe",
  "Filter",
  "Simulate",
  "StartLiveTail",
  "Invoke",
  "PostToConnection",
] as const;
type Writing = Exclude<AnyOperation, `${(typeof reads)[number]}${string}`>;

const isWriting = (operation: string): boolean => !reads.some((beginning) => operation.startsWith(beginning));

/** What each operation that writes has done, as a person reads it. */
const written: Readonly<Record<Writing, string | ((input: object) => string)>> = {
  AddPermission: "permission added",
  CreateAlias: "alias created",
  CreateApi: "API created",
  CreateDeployment: "deployment of the API created",
  CreateFunction: "function created",
  CreateIntegration: "integration created",
  CreateLogGroup: "log group created",
  CreateRole: "role created",
  CreateRoute: "route created",
  CreateStage: "stage created",
  AttachRolePolicy: "policy attached to the role",
  DeleteAccessLogSettings: "access log turned off",
  DeleteApi: "API deleted",
  DeleteConnection: "connection closed",
  // With a version's number it is that release alone.
  DeleteFunction: (input) => ("Qualifier" in input ? "old release deleted" : "function deleted"),
  DeleteFunctionConcurrency: "reserved concurrency removed",
  DeleteIntegration: "integration deleted",
  DeleteLogGroup: "log group deleted",
  DeleteRole: "role deleted",
  DeleteRolePolicy: "policy of the role deleted",
  DeleteRoute: "route deleted",
  DetachRolePolicy: "policy detached from the role",
  PublishVersion: "release published",
  PutFunctionConcurrency: "reserved concurrency set",
  PutRetentionPolicy: "retention of the log group set",
  PutRolePermissionsBoundary: "permissions boundary of the role set",
  PutRolePolicy: "policy of the role written",
  RemovePermission: "permission removed",
  TagResource: "tags written",
  TagRole: "tags of the role written",
  UntagResource: "tags removed",
  UntagRole: "tags of the role removed",
  UpdateAccount: "settings of the account for API Gateway written",
  UpdateAlias: "clients moved to another release",
  UpdateApi: "API changed",
  UpdateApp: "variables of the Amplify app written",
  UpdateAssumeRolePolicy: "trust policy of the role written",
  UpdateBranch: "variables of the Amplify branch written",
  UpdateFunctionCode: "code of the function written",
  UpdateFunctionConfiguration: "settings of the function written",
  UpdateIntegration: "integration changed",
  UpdateRoute: "route changed",
  UpdateStage: "stage changed",
};

/** A command that a caller has loaded by itself (`Service.send`) has only its name. */
function wordsFor(operation: string, input: object): string {
  const words = Object.hasOwn(written, operation) ? written[operation as Writing] : operation;
  return typeof words === "string" ? words : words(input);
}

/**
 * An SDK plug-in that notes each call that changes something. After Ctrl-C a run that has written nothing yet
 * begins no write.
 */
export function notingWrites<Input extends object, Output extends object>(
  { done, begun }: Writes,
  signal: AbortSignal,
): Pluggable<Input, Output> {
  return {
    applyToStack(stack) {
      stack.add(
        (next, context) => async (call) => {
          const operation = String(context.commandName).replace(/Command$/, "");
          if (!isWriting(operation)) return await next(call);
          if (begun.size === 0) signal.throwIfAborted();
          const words = wordsFor(operation, call.input);
          begun.add(words);
          const result = await next(call);
          done.add(words);
          return result;
        },
        { step: "initialize", name: "shelfshackWrites" },
      );
    },
  };
}
