import type { Agent } from "node:http";
import { rootCertificates } from "node:tls";
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
 * `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` name; this machine is reached directly unless one is given. The
 * certificates of `AWS_CA_BUNDLE` count besides Node's own. Throws a CliError for a bundle that is none.
 */
export async function routeTo(address: URL, given: string | undefined): Promise<Route> {
  const isSecure = /^(wss|https):$/.test(address.protocol);
  const proxy = given ?? (await proxyFromVariables(address));
  const ca = isSecure ? bundled(environment["AWS_CA_BUNDLE"]) : undefined;
  return { ...(ca && { ca }), ...(proxy === undefined ? {} : await through(proxy)) };
}

/** The packages are loaded only where a variable names a proxy: most runs have none. */
async function proxyFromVariables(address: URL): Promise<string | undefined> {
  const isSet = Object.entries(environment).some(([name, value]) => value && /^(\w+_)?proxy$/i.test(name));
  if (!isSet || isLoopback(address.host)) return undefined;
  const { getProxyForUrl } = await import("proxy-from-env");
  return getProxyForUrl(address.href.replace(/^ws/, "http")) || undefined;
}

async function through(proxy: string): Promise<Route> {
  if (!URL.canParse(proxy) || !/^https?:$/.test(new URL(proxy).protocol))
    throw new CliError(
      "value-invalid",
      "the proxy's address is not a URL that begins with http:// or https://",
      {
        hint: "correct --proxy, HTTPS_PROXY or HTTP_PROXY, or set NO_PROXY to the host that needs none",
      },
    );
  const { HttpsProxyAgent } = await import("./tunnel.ts");
  return { proxy: new URL(proxy).host, agent: new HttpsProxyAgent(proxy) };
}

function bundled(file: string | undefined): string[] | undefined {
  if (!file) return undefined;
  const reading = readTrusted(file, MOST_CA_BYTES);
  const fault = "fault" in reading ? reading.fault : undefined;
  if (fault === undefined && "bytes" in reading) {
    const text = reading.bytes.toString();
    if (text.includes("-----BEGIN CERTIFICATE-----")) return [...rootCertificates, text];
  }
  throw new CliError("file-unusable", `AWS_CA_BUNDLE cannot be used: ${fault ?? "it holds no certificate"}`, {
    hint: "set it to a file of certificates in the PEM form, or unset it",
  });
}
