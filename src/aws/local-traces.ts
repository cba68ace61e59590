import { request as send, type IncomingMessage } from "node:http";
import { createInterface } from "node:readline";
import type { Aws } from "./clients.ts";

const PATH = "/_shelfshack/traces";
const loopback = /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?\/?$/;

/**
 * What the local AWS tells of its messages, as JSON lines: what it has kept, then with `follow` all to come.
 * Undefined where the calls go to no local AWS of ours. Signed as every call, for it is answered to the same
 * callers.
 */
export async function localTraces(aws: Aws, follow: boolean): Promise<AsyncIterable<string> | undefined> {
  if (aws.endpointUrl === undefined || !loopback.test(aws.endpointUrl)) return undefined;
  const { config } = await aws.lambda.client();
  const signer = await config.signer();
  const { protocol, hostname, port } = new URL(aws.endpointUrl);
  const query = follow ? { follow: "true" } : {};
  const signed = await signer.sign({
    method: "GET",
    protocol,
    hostname,
    ...(port ? { port: Number(port) } : {}),
    path: PATH,
    query,
    headers: { host: port ? `${hostname}:${port}` : hostname, "x-shelfshack": "trace" },
  });
  const path = follow ? `${PATH}?follow=true` : PATH;
  const answer = await answered({ hostname, port, path, headers: signed.headers }, aws.signal);
  if (answer.statusCode === 200 && /ndjson/.test(answer.headers["content-type"] ?? ""))
    return linesOf(answer);
  answer.resume();
  return undefined;
}

/** Reads only when it is asked for lines: those that are read before are lost. */
async function* linesOf(answer: IncomingMessage): AsyncGenerator<string> {
  yield* createInterface({ input: answer, crlfDelay: Infinity });
}

function answered(
  to: { hostname: string; port: string; path: string; headers: Record<string, string> },
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const hostname = to.hostname.replace(/^\[|\]$/g, "");
  return new Promise((resolve, reject) => {
    send({ ...to, hostname, signal }, resolve)
      .on("error", reject)
      .end();
  });
}
