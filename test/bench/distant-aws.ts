import {
  createServer,
  request as forward,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { accessKey } from "./program.ts";
import { startLocalAws, type LocalAwsOptions } from "../../src/local/server.ts";

/** What a call to AWS takes from here, there and back. */
export const ROUND_TRIP_MS = 120;

/** A local AWS at a distance. */
export interface DistantAws {
  /** Its address, each call to which takes a round trip. */
  url: string;
  /** Its own address. */
  nearUrl: string;
  /** Forgets the calls so far. */
  forget(): void;
  /** The calls since then. */
  calls(): CallFigures;
  close(): Promise<void>;
}

export interface CallFigures {
  total: number;
  /** Calls of which no two are the same. */
  different: number;
  /** The longest chain of calls, each of which began when the one before had been answered. */
  inARow: number;
}

interface Call {
  what: string;
  inARow: number;
  /** Not yet answered: undefined. */
  endedAt?: number;
}

/** Starts a local AWS, and a server that passes every call on to it after half of the round trip. */
export async function startDistantAws(
  options: LocalAwsOptions = {},
  roundTripMs = ROUND_TRIP_MS,
): Promise<DistantAws> {
  const local = await startLocalAws({ accessKey, ...options });
  let calls: Call[] = [];
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await buffer(request);
    const call: Call = { what: sameness(request, body), inARow: 1 + longest(calls) };
    calls.push(call);
    await delay(roundTripMs / 2);
    const { status, headers, payload } = await passOn(local.url, request, body);
    await delay(roundTripMs / 2);
    call.endedAt = performance.now();
    response.writeHead(status, headers).end(payload);
  };
  return {
    url: await urlOf(server),
    nearUrl: local.url,
    forget: () => void (calls = []),
    calls: () => ({
      total: calls.length,
      different: new Set(calls.map(({ what }) => what)).size,
      inARow: Math.max(...calls.map(({ inARow }) => inARow)),
    }),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await local.close();
    },
  };
}

/** How long the chain of those is that have been answered. */
const longest = (calls: readonly Call[]): number =>
  Math.max(0, ...calls.filter(({ endedAt }) => endedAt !== undefined).map(({ inARow }) => inARow));

/** Two calls with the same text ask the same. */
const sameness = ({ method, url, headers }: IncomingMessage, body: Buffer): string =>
  [method, url, headers["x-amz-target"], body.toString("latin1")].join(" ");

async function urlOf(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function passOn(url: string, { method, url: path, headers }: IncomingMessage, body: Buffer) {
  return new Promise<{ status: number; headers: IncomingMessage["headers"]; payload: Buffer }>(
    (resolve, reject) => {
      // It answers to its own address alone.
      const own = { ...headers, host: new URL(url).host };
      const passed = forward(`${url}${path}`, { method, headers: own, agent: false }, (response) => {
        const { statusCode: status = 502, headers } = response;
        buffer(response).then((payload) => resolve({ status, headers, payload }), reject);
      });
      passed.on("error", reject).end(body);
    },
  );
}
