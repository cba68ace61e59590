import { dirname } from "node:path";
import type { Credentials, FunctionToRun } from "./contract.ts";
import type { Program } from "./programs.ts";

/**
 * All variables of a handler's process: the function's own and Lambda's (AWS.md 5.2), with the
 * credentials of this environment. Nothing comes from our own process.
 */
export function environmentVariables(
  target: FunctionToRun,
  local: {
    program: Program;
    folder: string;
    endpointUrl: string;
    runtimeApi: string;
    stream: string;
    credentials: Credentials;
  },
): Record<string, string> {
  const own = dirname(local.program.arguments.at(-1) ?? "");
  const changeable = {
    PATH: local.program.path,
    LD_LIBRARY_PATH: libraryPath(local.folder, own),
    LANG: "en_US.UTF-8",
    TZ: ":UTC",
    ...tracing,
    AWS_ENDPOINT_URL: local.endpointUrl,
    AWS_EC2_METADATA_DISABLED: "true",
    ...local.program.variables(local.folder),
  };
  const reserved = {
    _HANDLER: target.handler,
    AWS_REGION: target.region,
    AWS_DEFAULT_REGION: target.region,
    AWS_EXECUTION_ENV: `AWS_Lambda_${target.runtime}`,
    AWS_LAMBDA_FUNCTION_NAME: target.name,
    AWS_LAMBDA_FUNCTION_VERSION: target.version,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(target.memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
    AWS_LAMBDA_LOG_GROUP_NAME: target.logGroup,
    AWS_LAMBDA_LOG_STREAM_NAME: local.stream,
    AWS_LAMBDA_RUNTIME_API: local.runtimeApi,
    ...(target.jsonLog && {
      AWS_LAMBDA_LOG_FORMAT: "JSON",
      AWS_LAMBDA_LOG_LEVEL: target.jsonLog.application,
    }),
    LAMBDA_TASK_ROOT: local.folder,
    LAMBDA_RUNTIME_DIR: own,
    PWD: local.folder,
    SHLVL: "0",
    AWS_ACCESS_KEY_ID: local.credentials.AccessKeyId,
    AWS_SECRET_ACCESS_KEY: local.credentials.SecretAccessKey,
    AWS_SESSION_TOKEN: local.credentials.SessionToken,
  };
  return { ...changeable, ...target.environment, ...reserved };
}

/** X-Ray's daemon, which is on no machine but AWS's: what is sent to it is lost. */
const daemon = { host: "127.0.0.1", port: "2000" };
const tracing = {
  AWS_XRAY_CONTEXT_MISSING: "LOG_ERROR",
  AWS_XRAY_DAEMON_ADDRESS: `${daemon.host}:${daemon.port}`,
  _AWS_XRAY_DAEMON_ADDRESS: daemon.host,
  _AWS_XRAY_DAEMON_PORT: daemon.port,
};

/** As on AWS (AWS.md 4.10), without the system's own folders: this machine's programs find theirs. */
const libraryPath = (task: string, own: string): string =>
  ["/var/lang/lib", own, `${own}/lib`, task, `${task}/lib`, "/opt/lib"].join(":");
