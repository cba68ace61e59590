import { isIP } from "node:net";
import type { Artifact, Compared } from "../artifact/zip.ts";
import { newRun } from "../aws/tags.ts";
import { refuseTooLarge } from "../aws/variables.ts";
import { CliError } from "../errors/error.ts";
import { redactUrl } from "../settings/redact.ts";
import type { Report } from "../progress.ts";
import type { StackNames, StackProperties } from "../settings/commands.ts";
import { defaultSettings, type Settings, type Step } from "../settings/table.ts";
import type { StackConfig } from "./stack.ts";

/** What a deploy is limited to, and whether it adopts what it finds, or replaces own code by the shipped. */
export interface RunLimits {
  only?: readonly Step[] | undefined;
  adopt?: boolean | undefined;
  replaceCode?: boolean | undefined;
}

/** A stack as the options describe it: to be deployed, or with what is not given left as it is. */
export type Described = StackNames & Partial<StackProperties> & RunLimits;

/**
 * The settings as the description of a stack. Without an artifact code, runtime and handler are left as they
 * are; so is every other property that is not given.
 */
export function stackConfig(
  of: Described,
  region: string,
  code: Artifact | Compared | undefined,
): StackConfig {
  refuseContradictions(of);
  const comparesOnly = code !== undefined && "compared" in code;
  const artifact = comparesOnly ? code.compared : code;
  return {
    region,
    functionName: of.functionName,
    apiName: of.apiName,
    roleName: of.roleName,
    stage: of.stage,
    account: of.account,
    timeout: of.functionTimeout,
    memory: of.memory,
    logRetention: of.logRetention,
    accessLogs: of.accessLogs,
    keepReleases: of.keepReleases ?? defaultSettings().keepReleases,
    kmsKey: of.kmsKey,
    roleArn: of.roleArn,
    adopt: of.adopt,
    rolePath: of.rolePath,
    permissionsBoundary: of.permissionsBoundary,
    architecture: of.architecture,
    reservedConcurrency: of.reservedConcurrency,
    subnets: of.subnets,
    securityGroups: of.securityGroups,
    tracing: of.tracing,
    logFormat: of.logFormat,
    logLevel: of.logLevel,
    throttleRate: of.throttleRate,
    throttleBurst: of.throttleBurst,
    backendUrl: of.backendUrl,
    variables: of.variables ?? {},
    configuredTags: of.tags,
    routes: of.routes,
    ...(artifact
      ? {
          zip: artifact.zip,
          zipSha256: artifact.sha256,
          codeFrom: artifact.isShipped ? ("shipped" as const) : ("own" as const),
          replacesCode: of.replaceCode,
          keepsOwn: comparesOnly || (of.only?.includes("function") && !of.replaceCode),
          runtime: of.runtime,
          handler: of.handler,
        }
      : {}),
    run: newRun({ isPartial: of.only !== undefined }),
  };
}

/** Throws a CliError (exit 2) for settings that Lambda refuses beside each other. */
function refuseContradictions(of: Described): void {
  const { subnets, securityGroups, logFormat, logLevel, roleArn } = of;
  if (roleArn !== undefined && (of.rolePath ?? of.permissionsBoundary) !== undefined)
    throw new CliError("options-contradict", "a role that others own is given no path and no boundary", {
      hint: "leave --role-path and --permissions-boundary out, or --role-arn to have a role made",
    });
  if ((subnets?.length ?? 0) > 0 !== (securityGroups?.length ?? 0) > 0)
    throw new CliError("options-contradict", "subnets and security groups need each other", {
      hint: "give both, --subnets subnet-… --security-groups sg-…, or --subnets none to leave the VPC",
    });
  if (logLevel !== undefined && logFormat !== "JSON")
    throw new CliError("options-contradict", "a log level needs the log format JSON", {
      hint: "pass --log-format JSON as well, or leave --log-level out; the handler's own is LOG_LEVEL",
    });
}

/** The environments in which a backend without TLS is refused rather than warned of. */
const isProduction = (env: string | undefined): boolean => env?.startsWith("prod") ?? false;
const isPrivate = (hostname: string): boolean =>
  privateName.test(hostname) || (isIP(hostname.replace(/^\[|\]$/g, "")) > 0 && privateAddress.test(hostname));
const privateName = /^localhost$|\.(internal|local|localhost)$/;
const privateAddress = /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|\[::1\]|\[f[cd])/;

/** Throws a CliError (exit 2) where the configuration alone has more variables than Lambda takes. */
export function checkVariables({
  functionName,
  variables,
  backendUrl,
}: Pick<Settings, "functionName" | "variables" | "backendUrl">): void {
  refuseTooLarge(functionName, { ...variables, ...(backendUrl && { BACKEND_URL: backendUrl }) });
}

export const noBackendUrl = (): CliError =>
  new CliError("no-backend-url", "no backend URL is set", {
    hint:
      "pass --backend-url https://api.example.com, set SHELFSHACK_BACKEND_URL, " +
      'or set "backendUrl" in shelfshack-ws.config.json',
  });

/**
 * Throws a CliError (exit 2) without a backend URL, or (exit 4) for plain http to a public address in
 * production; elsewhere that is a warning.
 */
export function checkBackendUrl(
  { backendUrl, env, allowHttp }: Pick<Settings, "backendUrl" | "env" | "allowHttp">,
  report: Report,
  shown = redactUrl(backendUrl ?? ""),
): void {
  if (!backendUrl) throw noBackendUrl();
  const { protocol, hostname } = new URL(backendUrl);
  if (protocol === "https:" || isPrivate(hostname) || allowHttp) return;
  const message = `${shown} is plain http to a public address: tokens and messages are not encrypted`;
  if (isProduction(env))
    throw new CliError("plain-http", message, { hint: "use https, or pass --allow-http" });
  report({ kind: "warning", message, hint: "use https before this goes to production" });
}

/**
 * Says which backend a whole deploy keeps that was given none: the one that the deployed function has, as far
 * as that could be read. Throws as `checkBackendUrl` does.
 */
export function keepBackend(
  deployed: string | null,
  options: Pick<Settings, "env" | "allowHttp">,
  report: Report,
): void {
  if (!deployed) throw noBackendUrl();
  report({ kind: "note", message: `backend ${redactUrl(deployed)}, which the deployed function has` });
  // What was set by hand need not be an address.
  if (URL.canParse(deployed)) checkBackendUrl({ ...options, backendUrl: deployed }, report);
}
