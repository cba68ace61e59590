import { SignatureV4 } from "@smithy/signature-v4";
import type { Aws } from "./clients.ts";

/** The region in the name of an API's own host. */
const ownHost = /\.execute-api\.([a-z\d-]+)\.amazonaws\.com(?:\.cn)?$/;

/**
 * The headers that sign a WebSocket's handshake for a route with IAM authorization (AWS.md 1.9), for the next
 * five minutes. Behind a domain of one's own the region is that of the run.
 */
export async function signedUpgrade(aws: Aws, address: URL): Promise<Record<string, string>> {
  const { config } = await aws.sts.client();
  const signer = new SignatureV4({
    service: "execute-api",
    region: ownHost.exec(address.hostname)?.[1] ?? aws.region,
    credentials: config.credentials,
    sha256: config.sha256,
  });
  const query: Record<string, string[]> = {};
  for (const [name, value] of address.searchParams) (query[name] ??= []).push(value);
  const { headers } = await signer.sign({
    method: "GET",
    protocol: address.protocol.replace("ws", "http"),
    hostname: address.hostname,
    path: address.pathname,
    query,
    headers: { host: address.host },
  });
  const { host: _host, ...signature } = headers;
  return signature;
}
