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
  const answer = await askedFor(aws, follow, aws.signal);
  return answer && linesOf(answer);
}

/** One that is there answers at once; another program may take the connection and say nothing. */
const MOST_MS = 1_000;

/**
 * Whether the calls go to a local AWS of ours that takes them: not where nothing listens, nor where another
 * program does, such as LocalStack at the same port.
 */
export async function isLocalAws(aws: Aws): Promise<boolean> {
  const signal = AbortSignal.any([aws.signal, AbortSignal.timeout(MOST_MS)]);
  try {
    const answer = await askedFor(aws, false, signal);
    answer?.destroy();
    return answer !== undefined;
  } catch {
    aws.signal.throwIfAborted();
    return false;
  }
}

async function askedFor(
  aws: Aws,
  follow: boolean,
  signal: AbortSignal,
): Promise<IncomingMessage | undefined> {
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
  const answer = await answered({ hostname, port, path, headers: signed.headers }, signal);
  if (answer.statusCode === 200 && /ndjson/.test(answer.headers["content-type"] ?? "")) return answer;
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
