import type { Agent } from "node:http";
import { CliError } from "../errors/error.ts";
import { isLoopback } from "../errors/network.ts";
import { readTrusted } from "../files/read.ts";
import { environment } from "../settings/environment.ts";

/** How a connection gets to its host: through a proxy or directly, and whose certificates count. */
export interface Route {
  /** Host and port of the proxy. */
  proxy?: string;
  agent?: Agent;
  /** Certificates in the PEM form, instead of Node's own list. */
  ca?: string[];
}

/** More than the bundles of whole systems have. */
const MOST_CA_BYTES = 8 * 1024 * 1024;

/**
 * The route to an address (`ws`, `wss`, `http` or `https`): through the proxy that is given, or that
 * `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY` names, unless `NO_PROXY` has the host; this machine is reached
 * directly unless one is given. The certificates of `AWS_CA_BUNDLE` count besides Node's own. Throws a
 * CliError for a proxy that is none, without showing it, and for a bundle that is none.
 */
export async function routeTo(address: URL, given: string | undefined): Promise<Route> {
  const isSecure = /^(wss|https):$/.test(address.protocol);
  const proxy = given ?? (await proxyFromVariables(address));
  const ca = isSecure ? await bundled(environment["AWS_CA_BUNDLE"]) : undefined;
  return { ...(ca && { ca }), ...(proxy === undefined ? {} : await through(proxy)) };
}

/** The proxy that a variable names for this scheme: in small letters first, as curl has it. */
const named = (scheme: string): string | undefined =>
  environment[`${scheme}_proxy`] || environment[`${scheme.toUpperCase()}_PROXY`] || undefined;

/** The packages are loaded only where a variable names a proxy: most runs have none. */
async function proxyFromVariables({ host, protocol }: URL): Promise<string | undefined> {
  const scheme = protocol.replace(/^ws/, "http").slice(0, -1);
  const proxy = named(scheme) ?? named("all");
  if (proxy === undefined || isLoopback(host)) return undefined;
  const { isDirect } = await import("./no-proxy.ts");
  return isDirect(scheme, host) ? undefined : proxy;
}

async function through(proxy: string): Promise<Route> {
  const url = proxyUrl(proxy);
  const { HttpsProxyAgent } = await import("./tunnel.ts");
  return { proxy: url.host, agent: new HttpsProxyAgent(url.href) };
}

/** The address of a proxy, with `http://` where it has no scheme. Throws a CliError that does not show it. */
function proxyUrl(text: string): URL {
  const full = text.includes("://") ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url && /^https?:$/.test(url.protocol) && isDecodable(url.username + url.password)) return url;
  throw new CliError(
    "value-invalid",
    "the proxy's address is not a URL that begins with http:// or https://",
    {
      hint: "correct --proxy, HTTPS_PROXY or HTTP_PROXY, or set NO_PROXY to the host that needs none",
    },
  );
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** Who makes the connections of AWS's clients, where Node's own agents would not do. */
export interface Agents {
  httpAgent?: Agent;
  httpsAgent?: Agent;
}

/**
 * The agents for AWS calls, as `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY` and `AWS_CA_BUNDLE` ask for them;
 * undefined where none of them is set. A tunnel has `timeoutMs` to be made. This machine is reached
 * directly. Throws as `routeTo` does.
 */
export async function agentsFromVariables(timeoutMs: number): Promise<Agents | undefined> {
  const [http, https] = ["http", "https"].map((scheme) => {
    const proxy = named(scheme);
    return proxy === undefined ? undefined : proxyUrl(proxy);
  });
  const ca = await bundled(environment["AWS_CA_BUNDLE"]);
  if (!http && !https && !ca) return undefined;
  const { agentFor } = await import("./tunnel.ts");
  return {
    ...(http && { httpAgent: agentFor("http", { proxy: http, ca: undefined, timeoutMs }) }),
    ...((https ?? ca) && { httpsAgent: agentFor("https", { proxy: https, ca, timeoutMs }) }),
  };
}

/** Node's own certificates, which take a while to list, and those of a file. */
async function bundled(file: string | undefined): Promise<string[] | undefined> {
  if (!file) return undefined;
  const reading = readTrusted(file, MOST_CA_BYTES);
  const fault = "fault" in reading ? reading.fault : undefined;
  if (fault === undefined && "bytes" in reading) {
    const text = reading.bytes.toString();
    const { rootCertificates } = await import("node:tls");
    if (text.includes("-----BEGIN CERTIFICATE-----")) return [...rootCertificates, text];
  }
  throw new CliError("file-unusable", `AWS_CA_BUNDLE cannot be used: ${fault ?? "it holds no certificate"}`, {
    hint: "set it to a file of certificates in the PEM form, or unset it",
  });
}
