import type {
  ApplicationLogLevel,
  Architecture,
  FunctionConfiguration,
  GetFunctionResponse,
  LogFormat,
  TracingMode,
  UpdateFunctionConfigurationRequest,
} from "@aws-sdk/client-lambda";
import { given } from "../aws/answers.ts";
import type { Aws } from "../aws/clients.ts";

/** What can be asked for of a function besides its code and variables; what is absent stays as it is. */
export interface FunctionSettings {
  architecture?: Architecture | undefined;
  reservedConcurrency?: number | "none" | undefined;
  /** An empty list: none, the function leaves its VPC. */
  subnets?: readonly string[] | undefined;
  securityGroups?: readonly string[] | undefined;
  tracing?: TracingMode | undefined;
  logFormat?: LogFormat | undefined;
  logLevel?: ApplicationLogLevel | undefined;
}

/** The same, as properties of the function. */
export interface SettingProperties {
  Architectures: readonly Architecture[];
  TracingConfig: { Mode?: TracingMode };
  /** The group is the one that was found: what is not sent AWS may take for its default. */
  LoggingConfig: { LogFormat?: LogFormat; ApplicationLogLevel?: ApplicationLogLevel; LogGroup?: string };
  /** In alphabetical order, as they have none of their own. */
  VpcConfig: { SubnetIds: readonly string[]; SecurityGroupIds: readonly string[] };
  ReservedConcurrentExecutions: number | "none";
}

const sorted = (ids: readonly string[] = []): string[] => [...ids].toSorted();

/** What is wanted. */
export function desiredSettings(of: FunctionSettings): Partial<SettingProperties> {
  const { architecture, subnets, securityGroups, tracing, logFormat, logLevel } = of;
  return given({
    Architectures: architecture && [architecture],
    TracingConfig: tracing && { Mode: tracing },
    LoggingConfig:
      logFormat || logLevel ? given({ LogFormat: logFormat, ApplicationLogLevel: logLevel }) : undefined,
    VpcConfig: subnets && { SubnetIds: sorted(subnets), SecurityGroupIds: sorted(securityGroups) },
    ReservedConcurrentExecutions: of.reservedConcurrency,
  });
}

/** What a function is set to. One without a VPC has none of its parts. */
export function foundSettings(
  { Architectures, TracingConfig, LoggingConfig = {}, VpcConfig }: FunctionConfiguration,
  {
    ReservedConcurrentExecutions = "none",
  }: NonNullable<GetFunctionResponse["Concurrency"]> | { ReservedConcurrentExecutions?: "none" },
): Partial<SettingProperties> {
  const { LogFormat, ApplicationLogLevel, LogGroup } = LoggingConfig;
  return given({
    Architectures,
    TracingConfig: given({ Mode: TracingConfig?.Mode }),
    LoggingConfig: given({ LogFormat, ApplicationLogLevel, LogGroup }),
    VpcConfig: {
      SubnetIds: sorted(VpcConfig?.SubnetIds),
      SecurityGroupIds: sorted(VpcConfig?.SecurityGroupIds),
    },
    ReservedConcurrentExecutions,
  });
}

/** The members of CreateFunction and UpdateFunctionConfiguration for what is set, or for what `changed`. */
export function settingMembers(
  { TracingConfig, LoggingConfig, VpcConfig }: Partial<SettingProperties>,
  changed: { has(name: string): boolean } = { has: () => true },
): Pick<UpdateFunctionConfigurationRequest, "TracingConfig" | "LoggingConfig" | "VpcConfig"> {
  const { ApplicationLogLevel: _none, ...asText } = LoggingConfig ?? {};
  return {
    ...(TracingConfig && changed.has("TracingConfig") && { TracingConfig }),
    // Text has no levels: Lambda refuses it with one.
    ...(LoggingConfig &&
      changed.has("LoggingConfig") && {
        LoggingConfig: LoggingConfig.LogFormat === "Text" ? asText : LoggingConfig,
      }),
    ...(VpcConfig &&
      changed.has("VpcConfig") && {
        VpcConfig: {
          SubnetIds: [...VpcConfig.SubnetIds],
          SecurityGroupIds: [...VpcConfig.SecurityGroupIds],
        },
      }),
  };
}

/** Reserves invocations at a time for a function, or none (AWS.md 4.9). */
export async function reserve(
  aws: Aws,
  FunctionName: string,
  wanted: SettingProperties["ReservedConcurrentExecutions"],
): Promise<void> {
  await (wanted === "none"
    ? aws.lambda.call("DeleteFunctionConcurrency", { FunctionName })
    : aws.lambda.call("PutFunctionConcurrency", { FunctionName, ReservedConcurrentExecutions: wanted }));
}
