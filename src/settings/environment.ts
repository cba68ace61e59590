import { secretVariables, type Settings } from "./table.ts";

/**
 * The process's environment. Nothing else reads it; what a part of the program needs from it is handed to
 * that part.
 */
export const environment: Readonly<Record<string, string | undefined>> = process.env;

type Variables = typeof environment;

/** Whether a CI system takes lines of the output for its orders. */
export const readsCommands = ({ GITHUB_ACTIONS, TF_BUILD, TEAMCITY_VERSION }: Variables): boolean =>
  Boolean(GITHUB_ACTIONS || TF_BUILD || TEAMCITY_VERSION);

/**
 * Whether a CI system runs this: then there is no person to watch or to answer, and what was not proven is a
 * failure. Azure Pipelines and TeamCity do not set CI.
 */
export const isCi = ({ CI, ...others }: Variables): boolean =>
  CI ? CI !== "false" && CI !== "0" : readsCommands(others);

/**
 * Tells the AWS SDK what it takes from variables alone. Of a profile that is given in code it ignores the
 * `endpoint_url`. Its advice to leave Node 20 comes with every run otherwise; the floor is this package's to
 * raise, and it says so in its engines.
 */
export function setSdkEnvironment({ profile }: Pick<Settings, "profile">): void {
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";
  if (profile !== undefined) process.env["AWS_PROFILE"] = profile;
}

/** How variables begin that AWS's SDKs and its CLI take credentials from, or the way to them. */
const credentials = [
  "AWS_ACCESS_KEY",
  "AWS_SECRET_",
  "AWS_SESSION_TOKEN",
  "AWS_SECURITY_TOKEN",
  "AWS_BEARER_TOKEN",
  "AWS_CONTAINER_",
  "AWS_WEB_IDENTITY_",
  "AWS_ROLE_",
  "AWS_PROFILE",
];
const isSecret = (name: string): boolean =>
  credentials.some((beginning) => name.startsWith(beginning)) || secretVariables.includes(name);

/**
 * Deletes the variables that hold credentials of AWS, or a secret of ours, from now on also for the processes
 * that are started. The others are written once more, so that none stands where it was given to this process.
 */
export function forgetCredentials(): void {
  for (const [name, value] of Object.entries(process.env)) {
    if (isSecret(name)) delete process.env[name];
    else process.env[name] = value;
  }
}

/** The variables without those that hold credentials of AWS, or a secret of ours. */
export const withoutCredentials = (variables: Variables): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(variables).filter(([name]) => !isSecret(name)));
