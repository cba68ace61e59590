import type {
  FunctionConfiguration,
  GetFunctionResponse,
  UpdateFunctionConfigurationCommandInput,
} from "@aws-sdk/client-lambda";
import { command } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { complete, orMissing } from "./answers.ts";
import type { Aws } from "./clients.ts";
import { askedOf } from "./served.ts";
import type { Tags } from "./tags.ts";
import { refuseTooLarge, type Variables } from "./variables.ts";
import { poll } from "./wait.ts";

/**
 * The variables of a function. Throws a CliError where Lambda has some but may not show them (a key of one's
 * own without kms:Decrypt): taking that for none would write an environment without them.
 */
export function variablesOf({ FunctionName, Environment }: FunctionConfiguration): Variables {
  // Lambda leaves the member out where a function has no variables; what it answered is whole (AWS.md 8.7).
  if (!Environment) return {};
  if (!Environment.Error) return complete(Environment, ["Variables"]).Variables;
  throw new CliError(
    "variables-unreadable",
    `the variables of the function ${FunctionName} cannot be read: ${Environment.Error.Message}`,
    unreadable("kms:Decrypt"),
  );
}

/** What to do where a permission to read is missing. */
export const unreadable = (action: string) => ({
  hint: `give ${action} to the caller, then run the same command again`,
});

/** What a function is set to that matters to others than the deploy. */
export interface DeployedFunction {
  arn: string;
  variables: Variables;
  /** When its code or its settings were last written or published, ISO time. */
  lastModified: string | null;
}

/** A function as it serves clients, or one release of it; undefined where there is none. */
export async function deployedFunction(
  aws: Aws,
  FunctionName: string,
  release?: string,
): Promise<DeployedFunction | undefined> {
  const found = await askedOf(release, (of) =>
    aws.lambda.call("GetFunctionConfiguration", { FunctionName, ...of }),
  );
  if (!found) return undefined;
  const { FunctionArn, LastModified } = complete(found, ["FunctionArn"]);
  // Without the alias that was asked about.
  const arn = FunctionArn.split(":").slice(0, 7).join(":");
  // Lambda writes `+0000`, other times have `Z`.
  const lastModified = LastModified === undefined ? null : new Date(LastModified).toISOString();
  return { arn, variables: variablesOf(found), lastModified };
}

/** The log group that a function writes to; undefined where there is no such function. */
export async function logGroupOf(aws: Aws, FunctionName: string): Promise<string | undefined> {
  const found = await orMissing(aws.lambda.call("GetFunctionConfiguration", { FunctionName }));
  return found?.LoggingConfig?.LogGroup;
}

/** What to throw where there is no such function. */
export const functionMissing = ({ region }: Pick<Aws, "region">, name: string): CliError =>
  new CliError("not-deployed", `there is no function ${name} in ${region}`, {
    hint: ["deploy it: ", command("deploy")],
  });

const MERGES_AT_MOST = 3;

/** What is written with the environment of a function. */
interface EnvironmentChange {
  change(present: Variables): Variables;
  settings?: Omit<UpdateFunctionConfigurationCommandInput, "FunctionName" | "Environment" | "RevisionId">;
  /** Asked of the same answer whose revision is sent. */
  check?: CheckTags;
}

/**
 * Writes the environment that `change` makes of the present one, together with other `settings` of the
 * function, waits until it is in use and returns both. The environment can only be replaced as a whole, so
 * Lambda is told which revision the change is of: after a write by another in between, it is read and changed
 * once more, so that no variable is lost (AWS.md 4.4: 412).
 */
export async function changeEnvironment(
  aws: Aws,
  FunctionName: string,
  { change, settings = {}, check }: EnvironmentChange,
): Promise<{ variables: Variables; written: FunctionConfiguration }> {
  for (let attempt = 1; ; attempt++) {
    const ready = await untilIdle(aws, FunctionName);
    const found = check ? await checkedFunction(aws, FunctionName, check) : ready;
    // Without a revision nothing would keep this from replacing what another one wrote.
    const present = complete(found, ["RevisionId"]);
    const Variables = { ...change(variablesOf(present)) };
    refuseTooLarge(FunctionName, Variables);
    try {
      const begun = await aws.lambda.call("UpdateFunctionConfiguration", {
        ...settings,
        FunctionName,
        Environment: { Variables },
        RevisionId: present.RevisionId,
      });
      return { variables: Variables, written: await untilActive(aws, FunctionName, begun) };
    } catch (error) {
      const raced = error instanceof Error && error.name === "PreconditionFailedException";
      if (!raced || attempt >= MERGES_AT_MOST) throw error;
    }
  }
}

/** What Lambda has begun takes about a second as a rule (AWS.md 4.5), and less in an emulator. */
const idle = {
  firstMs: 800,
  thenMs: 200,
  longestMs: 1_000,
  budgetMs: 300_000,
  reason: "Lambda to make the function ready",
};

const isIdle = ({ State, LastUpdateStatus }: FunctionConfiguration): boolean =>
  State !== "Pending" && LastUpdateStatus !== "InProgress";

/**
 * Waits until Lambda takes changes of the function, or runs one version of it, five minutes at most (AWS.md
 * 4.5).
 */
export async function untilIdle(
  aws: Aws,
  FunctionName: string,
  Qualifier?: string,
): Promise<FunctionConfiguration> {
  const startedAt = performance.now();
  const asked = { FunctionName, ...(Qualifier !== undefined && { Qualifier }) };
  const found = await poll(() => aws.lambda.call("GetFunctionConfiguration", asked), isIdle, idle, aws);
  if (isIdle(found)) return found;
  const state = `${found.State}, its last update ${found.LastUpdateStatus}`;
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  throw new CliError(
    "function-still-changing",
    `the function ${FunctionName} is still ${state}, after ${seconds} s`,
  );
}

/**
 * Waits until what was just created or changed is in use, or one version of it; `begun` is what the call for
 * that answered. Returns the function as it is then. Throws a CliError with Lambda's reason when that failed
 * (FAULTS.md D-14).
 */
export async function untilActive(
  aws: Aws,
  FunctionName: string,
  begun?: FunctionConfiguration,
  Qualifier?: string,
): Promise<FunctionConfiguration> {
  const ended = begun && isIdle(begun) ? begun : await untilIdle(aws, FunctionName, Qualifier);
  const state = stateOf(ended);
  if (state !== "Active")
    throw new CliError("function-broken", `the function ${FunctionName} is not usable: ${state}`, {
      hint: [
        "fix the reason given; if that does not help, delete the stack and deploy again: ",
        command("destroy"),
      ],
    });
  return ended;
}

/**
 * "Active" where Lambda runs what was deployed, otherwise why it does not, with the reason's code. A function
 * that is idle wakes up by itself. Only a function that is Pending has no `LastUpdateStatus` (AWS.md 4.4).
 */
export function stateOf(found: FunctionConfiguration): string {
  const words = (what: string, reason = "no reason given", code = "no code") =>
    `${what}: ${reason} (${code})`;
  const { State, StateReason, StateReasonCode } = complete(found, ["State"]);
  if (State !== "Active" && State !== "Inactive")
    return words(`State ${State}`, StateReason, StateReasonCode);
  const { LastUpdateStatus } = complete(found, ["LastUpdateStatus"]);
  if (LastUpdateStatus === "Successful") return "Active";
  const { LastUpdateStatusReason, LastUpdateStatusReasonCode } = found;
  return words(`LastUpdateStatus ${LastUpdateStatus}`, LastUpdateStatusReason, LastUpdateStatusReasonCode);
}

const beingRead = new WeakMap<Aws, Map<string, Promise<GetFunctionResponse | undefined>>>();

/**
 * The function with its tags; undefined where there is none. Several resources ask for it when a stack is
 * read: what is asked at the same moment is one call.
 */
export function readFunction(aws: Aws, FunctionName: string): Promise<GetFunctionResponse | undefined> {
  const readings = beingRead.get(aws) ?? new Map<string, Promise<GetFunctionResponse | undefined>>();
  beingRead.set(aws, readings);
  const present = readings.get(FunctionName);
  if (present) return present;
  const reading = orMissing(aws.lambda.call("GetFunction", { FunctionName })).finally(() =>
    readings.delete(FunctionName),
  );
  readings.set(FunctionName, reading);
  return reading;
}

/** The function with its tags, never without those that it has; undefined where there is none. */
export async function taggedFunction(aws: Aws, FunctionName: string) {
  const found = await readFunction(aws, FunctionName);
  if (found?.TagsError)
    throw new CliError(
      "tags-unreadable",
      `the tags of the function ${FunctionName} cannot be read: ${found.TagsError.Message}`,
      unreadable("lambda:ListTags"),
    );
  return found && complete(found, ["Configuration"]);
}

/**
 * Asked of a function's tags right before a write to it, and anew after each wait. Throws where it has become
 * another's, or another one; `left` says what stays undone then.
 */
export type CheckTags = (tags: Tags, left?: string) => void;

/** The function as it is, once its tags are checked. */
export async function checkedFunction(
  aws: Aws,
  FunctionName: string,
  check: CheckTags,
  left?: string,
): Promise<FunctionConfiguration> {
  const found = await taggedFunction(aws, FunctionName);
  if (!found) throw functionMissing(aws, FunctionName);
  // Lambda leaves the tags out where a function has none.
  check(found.Tags ?? {}, left);
  return found.Configuration;
}

/** The name of the role that a function runs with; undefined where there is no such function. */
export async function executionRoleOf(aws: Aws, FunctionName: string): Promise<string | undefined> {
  const found = await orMissing(aws.lambda.call("GetFunctionConfiguration", { FunctionName }));
  return found && complete(found, ["Role"]).Role.split("/").at(-1);
}
