import type { App, Branch } from "@aws-sdk/client-amplify";
import { CliError } from "../errors/error.ts";
import { complete, orMissing } from "./answers.ts";
import type { Aws } from "./clients.ts";
import type { Variables } from "./variables.ts";

/** Whose variables: those of an app in AWS Amplify, or of a branch, which come before the app's. */
export interface AmplifyTarget {
  appId: string;
  branch: string | undefined;
}

type AppOrBranch = Pick<App | Branch, "environmentVariables">;

/** The present variables. Throws a CliError (exit 1) where there is no such app or branch. */
export async function amplifyVariables(
  { amplify, region }: Aws,
  { appId, branch }: AmplifyTarget,
): Promise<Variables> {
  const answer = await orMissing<AppOrBranch | undefined>(
    branch === undefined
      ? amplify.call("GetApp", { appId }).then(({ app }) => app)
      : amplify.call("GetBranch", { appId, branchName: branch }).then((found) => found.branch),
  );
  if (answer) return complete(answer, ["environmentVariables"]).environmentVariables;
  const what = branch === undefined ? `app ${appId}` : `branch ${branch} of the app ${appId}`;
  throw new CliError("amplify-missing", `there is no ${what} in AWS Amplify in ${region}`, {
    hint: "correct --app-id, --branch or --region; the id is in the app's ARN, behind apps/",
  });
}

/** Writes all variables: what is left out is gone, as an update replaces the map (AWS.md 7.5). */
export async function writeAmplifyVariables(
  { amplify }: Aws,
  { appId, branch }: AmplifyTarget,
  variables: Variables,
): Promise<void> {
  const environmentVariables = { ...variables };
  await (branch === undefined
    ? amplify.call("UpdateApp", { appId, environmentVariables })
    : amplify.call("UpdateBranch", { appId, branchName: branch, environmentVariables }));
}
