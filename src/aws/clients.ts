import type { HttpRequest, Pluggable, SerializeMiddleware } from "@smithy/types";
import { explain } from "../errors/explain.ts";
import type { Report } from "../progress.ts";
import { readLocalKey } from "../files/local-key.ts";
import { stateHome } from "../files/state-home.ts";
import { agentsFromVariables, type Agents } from "../network/route.ts";
import { onlyAwsAnswers } from "./authentic.ts";
import { credentialsFinder, refuseUselessProfile, type Finding } from "./credentials.ts";
import { retries } from "./retry.ts";
import { servicesAt, type ClientConfig, type Services } from "./services.ts";
import { Waits } from "./wait.ts";
import { noWrites, notingWrites, type Writes } from "./writes.ts";
import { environment } from "../settings/environment.ts";
import type { Settings } from "../settings/table.ts";

/** The services that everything below works with: AWS, or the local AWS at another address. */
export interface Aws extends Services {
  region: string;
  /** The profile that the credentials come from, where one is named. */
  profile: string | undefined;
  /** Where the calls go, where that is set for all of them. */
  endpointUrl: string | undefined;
  /** Aborted by Ctrl-C: ends every wait for AWS. */
  signal: AbortSignal;
  /** Where what is noticed is told. */
  report: Report;
  /** The waits for AWS, which end when the run fails. */
  waits: Waits;
  /**
   * The options of a call that takes longer: it carries the zip, or lasts as long as the function that it
   * invokes.
   */
  longCall: { requestTimeout: number };
  /** Closes the kept-alive connections. */
  close(): void;
}

/**
 * How long one call may take: the SDK has no limit of its own, and its `requestTimeout` only warns without
 * the last flag (AWS.md 8.5).
 */
const timeouts = { connectionTimeout: 3_000, throwOnRequestTimeout: true };
const REQUEST_MS = 30_000;
/** A proxy's tunnel belongs to the connection, and tells of itself before that has no more time. */
const TUNNEL_MS = timeouts.connectionTimeout - 200;

/** For a local AWS that keeps no access key: where its user is told by the system, any credentials do. */
const madeUpKey = { accessKeyId: "local", secretAccessKey: "local" };

/** The region of the local AWS where none is set. */
export const localRegion = "us-east-1";

/**
 * Makes the AWS clients; the only place that does.
 *
 * The local AWS (`--local`) is an address with an access key of its own; everything else follows the SDK's
 * rules for credentials and profiles. `timeScale` scales the pauses between tries, `requestMs` is how long
 * one call may take, `askCode` asks a person for the code of an MFA device, `writes` gets what is written.
 * Throws a CliError (exit 2) when no region is known.
 */
export async function connectAws(
  settings: Place,
  {
    report,
    signal,
    timeScale = 1,
    requestMs = REQUEST_MS,
    askCode,
    writes = noWrites(),
  }: {
    report: Report;
    signal: AbortSignal;
    writes?: Writes | undefined;
    timeScale?: number;
    requestMs?: number;
    askCode?: Finding["askCode"] | undefined;
  },
): Promise<Aws> {
  const address = addressOf(settings);
  const agents = settings.local ? undefined : await agentsFromVariables(TUNNEL_MS);
  const config = {
    ...configOf(settings, requestMs, agents),
    ...credentialsFor(settings, { agents, askCode }),
  };
  const waits = new Waits(signal);
  const announced = new Set<string>();
  const opened: { destroy(): void }[] = [];
  const services = servicesAt(config, (client, protocol) => {
    opened.push(client);
    client.middlewareStack.use(
      retries({ report, signal, waits, timeScale, missingRole: missingRole(services.iam) }),
    );
    client.middlewareStack.use(onlyAwsAnswers(protocol));
    client.middlewareStack.use(notingWrites(writes, signal));
    client.middlewareStack.use(warnForeignEndpoint(report, announced));
    client.middlewareStack.use(prefixingOwnHosts(client.config));
  });
  return {
    region: config.region ?? (await regionOf(services.sts)),
    profile: settings.local ? undefined : environment["AWS_PROFILE"] || undefined,
    endpointUrl: address,
    signal,
    report,
    waits,
    longCall: { requestTimeout: 4 * requestMs },
    ...services,
    close: () => opened.forEach((client) => client.destroy()),
  };
}

type Place = Pick<Settings, "local" | "port" | "endpointUrl" | "region">;

/** Where the calls go, where that is set for all of them. */
const addressOf = ({ local, port, endpointUrl }: Place): string | undefined =>
  local ? `http://127.0.0.1:${port}` : endpointUrl;

/** What finds credentials; for the local AWS they are known. */
function credentialsFor(
  { local }: Place,
  { agents, ...finding }: Omit<Finding, "clientConfig"> & { agents: Agents | undefined },
): Pick<ClientConfig, "credentialDefaultProvider"> {
  if (local) return {};
  const clientConfig = agents ? { requestHandler: { ...timeouts, ...agents } } : {};
  return { credentialDefaultProvider: credentialsFinder({ ...finding, clientConfig }) };
}

/** What every client is made with. */
function configOf(settings: Place, requestMs: number, agents: Agents = {}): ClientConfig {
  const address = addressOf(settings);
  // The SDK reads its own variable by itself, and knows those of single services, which come before it
  // (AWS.md 8.4).
  const endpoint = !settings.local && address === environment["AWS_ENDPOINT_URL"] ? undefined : address;
  const region = settings.region ?? (settings.local ? localRegion : undefined);
  return {
    ...(settings.local ? { credentials: readLocalKey(stateHome(environment)) ?? madeUpKey } : {}),
    ...(region ? { region } : {}),
    ...(endpoint ? { endpoint } : {}),
    maxAttempts: 1,
    requestHandler: { ...timeouts, requestTimeout: requestMs, ...agents },
  };
}

const ownHosts = /\.(amazonaws\.(com(\.cn)?|eu)|api\.aws|api\.amazonwebservices\.com\.cn)$/;
const thisMachine = /^(\[?::1\]?|127\.[\d.]+|localhost)$/;

/**
 * An SDK plug-in that tells, once for each, of addresses which are neither AWS's own nor this machine's:
 * wherever one was set (an option, one of several variables, a profile), credentials are never sent there
 * silently (FAULTS.md C-08).
 */
function warnForeignEndpoint<Input extends object, Output extends object>(
  report: Report,
  announced: Set<string>,
): Pluggable<Input, Output> {
  const announce = ({ protocol, hostname, port }: HttpRequest) => {
    const address = `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}`;
    if (ownHosts.test(hostname) || thisMachine.test(hostname) || announced.has(address)) return;
    announced.add(address);
    report({ kind: "warning", message: `AWS calls, signed with your credentials, go to ${address}` });
  };
  return {
    applyToStack(stack) {
      stack.add(
        (next) => (call) => {
          announce(call.request as HttpRequest);
          return next(call);
        },
        { step: "finalizeRequest", name: "shelfshackAnnouncement" },
      );
    },
  };
}

/**
 * An SDK plug-in for the "stream-" that the SDK puts before the host of a live tail: only AWS's own hosts
 * answer to it (AWS.md 7.3). Where the calls go, a variable or a profile may say too, so it is known when the
 * SDK has looked for it.
 */
function prefixingOwnHosts<Input extends object, Output extends object>(config: {
  disableHostPrefix: boolean;
}): Pluggable<Input, Output> {
  const decide: SerializeMiddleware<Input, Output> = (next, context) => (call) => {
    config.disableHostPrefix = !ownHosts.test(context.endpointV2?.url.hostname ?? "");
    return next(call);
  };
  return {
    applyToStack: (stack) =>
      stack.addRelativeTo(decide, {
        relation: "after",
        toMiddleware: "endpointV2Middleware",
        name: "shelfshackHostPrefix",
      }),
  };
}

/** The role that a call names, where it is not there; undefined where it is, or that cannot be found out. */
const missingRole =
  (iam: Services["iam"]) =>
  async ({ Role }: { Role?: unknown }): Promise<string | undefined> => {
    const RoleName = typeof Role === "string" ? Role.split("/").at(-1) : undefined;
    if (RoleName === undefined) return undefined;
    return await iam.call("GetRole", { RoleName }).then(
      () => undefined,
      (error: Error) => (error.name === "NoSuchEntityException" ? RoleName : undefined),
    );
  };

/** The region of the profile, as the SDK finds it. */
async function regionOf({ client }: Services["sts"]): Promise<string> {
  try {
    return await (await client()).config.region();
  } catch (error) {
    // A profile that is missing has no region either.
    await refuseUselessProfile();
    throw explain(error);
  }
}
