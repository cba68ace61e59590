import { ApiGatewayV2Client } from "@aws-sdk/client-apigatewayv2";
import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { IAMClient } from "@aws-sdk/client-iam";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { STSClient } from "@aws-sdk/client-sts";
import { CliError, exitCodes } from "./errors.ts";
import type { Report } from "./report.ts";
import { retries } from "./retry.ts";
import type { Settings } from "./settings.ts";

/** The clients that everything below works with: AWS, or the local AWS at another address. */
export interface Aws {
  region: string;
  /** Aborted by Ctrl-C: whoever waits for AWS stops waiting. */
  signal: AbortSignal;
  lambda: LambdaClient;
  apigatewayv2: ApiGatewayV2Client;
  iam: IAMClient;
  sts: STSClient;
  logs: CloudWatchLogsClient;
  /** Closes the kept-alive connections. */
  close(): void;
}

/** How long one call may take: the SDK has no limit of its own, and its `requestTimeout` only warns without the last flag (faults.md 1.2). */
const timeouts = { connectionTimeout: 3_000, requestTimeout: 30_000, throwOnRequestTimeout: true };
/** Lambda's calls carry the zip, and `Invoke` lasts as long as the function. */
const uploadTimeouts = { ...timeouts, requestTimeout: 120_000 };

const localCredentials = { accessKeyId: "local", secretAccessKey: "local" };

/**
 * Makes the AWS clients; the only place that does.
 *
 * The local AWS (`--local`) is an address with made-up credentials; everything else follows the SDK's own rules for credentials and profiles.
 * `pace` scales the pauses between tries. Throws a CliError (exit 2) when no region is known.
 */
export async function connectAws(
  settings: Pick<Settings, "local" | "port" | "endpointUrl" | "region" | "profile">,
  { report, signal, pace = 1 }: { report: Report; signal: AbortSignal; pace?: number },
): Promise<Aws> {
  const endpoint = settings.local ? `http://127.0.0.1:${settings.port}` : settings.endpointUrl;
  const region = settings.region ?? (settings.local ? "us-east-1" : undefined);
  const config = {
    ...(settings.local ? { credentials: localCredentials } : {}),
    ...(region ? { region } : {}),
    ...(settings.profile ? { profile: settings.profile } : {}),
    // The SDK puts "stream-" before the host of a live tail, which no address of one's own answers to (aws-behaviour 7.3).
    ...(endpoint ? { endpoint, disableHostPrefix: true } : {}),
    maxAttempts: 1,
    requestHandler: timeouts,
  };
  const clients = {
    lambda: new LambdaClient({ ...config, requestHandler: uploadTimeouts }),
    apigatewayv2: new ApiGatewayV2Client(config),
    iam: new IAMClient(config),
    sts: new STSClient(config),
    logs: new CloudWatchLogsClient(config),
  };
  const rules = { report, signal, pace };
  clients.lambda.middlewareStack.use(retries(rules));
  clients.apigatewayv2.middlewareStack.use(retries(rules));
  clients.iam.middlewareStack.use(retries(rules));
  clients.sts.middlewareStack.use(retries(rules));
  clients.logs.middlewareStack.use(retries(rules));
  return {
    region: await regionOf(clients.lambda),
    signal,
    ...clients,
    close: () => Object.values(clients).forEach((client) => client.destroy()),
  };
}

/** The region that the SDK settled on: ours, or the profile's. */
async function regionOf(client: LambdaClient): Promise<string> {
  try {
    return await client.config.region();
  } catch (cause) {
    throw new CliError("no AWS region is set", {
      hint: 'pass --region us-east-1, set AWS_REGION, or set "region" in shelfshack-ws.config.json',
      exitCode: exitCodes.usage,
      cause,
    });
  }
}
