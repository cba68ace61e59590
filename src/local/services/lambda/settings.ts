import type * as sdk from "@aws-sdk/client-lambda";
import { reservedVariables } from "../../../contract/reserved-variables.ts";
import { notEmulated } from "../../aws-error.ts";
import type { Roles } from "../iam/iam.ts";
import { invalidParameter } from "./function.ts";

/** What the API accepts, in the order in which its error lists it (AWS.md 4.2). */
const runtimes =
  "nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, " +
  "python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, " +
  "dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2";
/** Accepted too, and not in that list when it was recorded. */
const newer = ["ruby4.0", "nodejs26.x", "python3.15"];
const retired = new RegExp(
  String.raw`^(nodejs(4\.3|6\.10|8\.10|10\.x|12\.x|14\.x)?|python(2\.7|3\.6|3\.7)|java8|` +
    String.raw`dotnetcore[123]\.[01]|go1\.x|ruby2\.[57]|provided)$`,
);

/**
 * The runtime of a function whose code is a zip. Refuses what Lambda refuses, in its words, and what this
 * machine cannot run.
 */
export function checkedRuntime(runtime: sdk.Runtime | undefined): sdk.Runtime {
  if (!runtime)
    throw invalidParameter("Runtime is mandatory for functions created with deployment packages.");
  if (retired.test(runtime))
    throw invalidParameter(
      `The runtime parameter of ${runtime} is no longer supported for creating or updating ` +
        "AWS Lambda functions. " +
        "We recommend you use a supported runtime while creating or updating functions.",
    );
  if (![...runtimes.split(", "), ...newer].includes(runtime))
    throw invalidParameter(
      `Value ${runtime} at 'runtime' failed to satisfy constraint: ` +
        `Member must satisfy enum value set: [${runtimes}] or be a valid ARN`,
    );
  if (!/^(nodejs|python)/.test(runtime)) throw notEmulated(`the runtime ${runtime} (Lambda)`);
  return runtime;
}

const unable =
  "Lambda was unable to configure your environment variables because the environment variables you " +
  "have provided";

/** Refuses variables that Lambda refuses: reserved names, more than 4 KB as JSON (AWS.md 4.4, 5.2). */
export function checkEnvironment(variables: Readonly<Record<string, string>>): void {
  const names = Object.keys(variables);
  const taken = names.filter((name) => reservedVariables.includes(name));
  if (taken.length > 0)
    throw invalidParameter(
      `${unable} contains reserved keys that are currently not supported for modification. ` +
        `Reserved keys used in this request: ${taken.join(", ")}`,
    );
  const measured = JSON.stringify(variables);
  if (Buffer.byteLength(measured) > 4096)
    throw invalidParameter(`${unable} exceeded the 4KB limit. String measured: ${measured}`);
}

/** How a function logs: in JSON both levels are filled in, text has none (AWS.md 4.3). */
export function loggingOf(present: sdk.LoggingConfig, change: sdk.LoggingConfig = {}): sdk.LoggingConfig {
  const { LogFormat, LogGroup, ...levels } = { ...present, ...change };
  if (LogFormat === "JSON")
    return { LogFormat, LogGroup, ApplicationLogLevel: "INFO", SystemLogLevel: "INFO", ...levels };
  if (change.ApplicationLogLevel ?? change.SystemLogLevel)
    throw invalidParameter("A log level is only for the log format JSON.");
  return { LogFormat, LogGroup };
}

/** A VPC as answers show it; none of it has an effect here. */
export function vpcOf(given: sdk.VpcConfig | undefined): sdk.VpcConfigResponse | undefined {
  if (!given) return undefined;
  const { SubnetIds = [], SecurityGroupIds = [] } = given;
  return {
    SubnetIds,
    SecurityGroupIds,
    VpcId: SubnetIds.length > 0 ? "vpc-00000000" : "",
    Ipv6AllowedForDualStack: false,
  };
}

/** Refuses a VPC for a function whose role may not make network interfaces (AWS.md 4.4). */
export function checkNetwork(
  { roles }: { roles: Roles },
  role: string,
  { SubnetIds = [] }: sdk.VpcConfig = {},
): void {
  const access = { action: "ec2:CreateNetworkInterface", resource: "*" };
  if (SubnetIds.length > 0 && !roles.mayDo(role, access))
    throw invalidParameter(
      "The provided execution role does not have permissions to call CreateNetworkInterface on EC2",
    );
}
