import {
  type FunctionConfiguration,
  GetFunctionConfigurationCommand,
  UpdateFunctionConfigurationCommand,
  type UpdateFunctionConfigurationCommandInput,
} from "@aws-sdk/client-lambda";
import { CliError } from "../errors/error.ts";
import type { Aws } from "./clients.ts";
import { untilIdle, untilActive } from "./function-state.ts";
import { orMissing } from "./answers.ts";

/** A function's environment variables. */
export type Variables = Readonly<Record<string, string>>;

/**
 * The variables of a function. Throws a CliError where Lambda has some but may not show them (a key of one's
 * own without kms:Decrypt): taking that for none would write an environment without them.
 */
export function variablesOf({ FunctionName, Environment }: FunctionConfiguration): Variables {
  if (!Environment?.Error) return Environment?.Variables ?? {};
  throw new CliError(
    "variables-unreadable",
    `the variables of the function ${FunctionName} cannot be read: ${Environment.Error.Message}`,
    unreadable("kms:Decrypt"),
  );
}

/** What to do where a permission to read is missing. */
export const unreadable = (action: string) => ({
  hint: `give ${action} to whoever runs this, then run the same command again`,
});

/** What a function is set to that matters to others than the deploy. */
export interface DeployedFunction {
  arn: string;
  variables: Variables;
  /** When its code or its settings were last written, ISO time. */
  lastModified: string | undefined;
}

/** A function as it is deployed; undefined where there is none. */
export async function deployedFunction(
  aws: Aws,
  FunctionName: string,
): Promise<DeployedFunction | undefined> {
  const found = await orMissing(aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName })));
  return (
    found && { arn: found.FunctionArn ?? "", variables: variablesOf(found), lastModified: found.LastModified }
  );
}

const MERGES_AT_MOST = 3;

/**
 * Writes the environment that `change` makes of the present one, together with other `settings` of the
 * function, waits until it is in use and returns it. The environment can only be replaced as a whole, so
 * Lambda is told which revision the change is of: when somebody else writes in between, it is read and
 * changed once more and no variable is lost (AWS.md 4.4: 412).
 */
export async function changeEnvironment(
  aws: Aws,
  FunctionName: string,
  change: (present: Variables) => Variables,
  settings: Omit<UpdateFunctionConfigurationCommandInput, "FunctionName" | "Environment" | "RevisionId"> = {},
): Promise<Variables> {
  for (let attempt = 1; ; attempt++) {
    const present = await untilIdle(aws, FunctionName);
    const Variables = { ...change(variablesOf(present)) };
    try {
      await aws.lambda.send(
        new UpdateFunctionConfigurationCommand({
          ...settings,
          FunctionName,
          Environment: { Variables },
          RevisionId: present.RevisionId,
        }),
      );
      await untilActive(aws, FunctionName);
      return Variables;
    } catch (error) {
      const raced = error instanceof Error && error.name === "PreconditionFailedException";
      if (!raced || attempt >= MERGES_AT_MOST) throw error;
    }
  }
}
