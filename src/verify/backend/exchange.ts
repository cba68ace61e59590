import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isIP, type Socket } from "node:net";
import { LONGEST_ANSWER } from "../../contract/envelope.ts";
import type { Phase } from "../../errors/network.ts";

/** An answer, as far as the proxy would read it. `ms` is the time until its last byte. */
export interface Answered {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** It is longer than the proxy reads. */
  isTooLong: boolean;
  ms: number;
}

/** No answer. */
export interface Unanswered {
  phase: Phase;
  /** Node's error code; empty where our own time limit ended it. */
  code: string;
  /** What Node says. */
  detail: string;
  /** Host and port. */
  address: string;
  /** The time limit where it ended the request, in milliseconds. */
  afterMs?: number;
  /** It was a kept connection that turned out to be closed. */
  isStale: boolean;
  ms: number;
}

export type Exchange = Answered | Unanswered;

/** One POST. `timeMs` is for all of it: connecting, sending and the whole answer. */
export interface Posting {
  url: URL;
  headers: Record<string, string>;
  body: string;
  timeMs: number;
  signal: AbortSignal;
  /** Over a TCP connection of its own, which another worker of the backend may accept. */
  isSeparate?: boolean;
}

/** Posts and never throws. */
export type Post = (posting: Posting) => Promise<Exchange>;

/** Posts over connections that are kept, as the proxy does, or separate ones; redirects are not followed. */
export function openPost(): { post: Post; close(): void } {
  const http = new HttpAgent({ keepAlive: true });
  const https = new HttpsAgent({ keepAlive: true });
  return {
    post: async (posting) => {
      if (posting.isSeparate) return await once(posting, false);
      const exchange = await once(posting, posting.url.protocol === "https:" ? https : http);
      // A kept connection that the backend closes at the moment of its use says nothing about the backend.
      return "isStale" in exchange && exchange.isStale ? await once(posting, false) : exchange;
    },
    close: () => [http, https].forEach((agent) => agent.destroy()),
  };
}

function once({ url, headers, body, timeMs, signal }: Posting, agent: HttpAgent | false): Promise<Exchange> {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    const content = Buffer.from(body);
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const request = send(url, {
      method: "POST",
      headers: { ...headers, "content-length": content.length },
      agent,
      signal,
    });
    const phase = phaseOf(request, url);
    const end = (outcome: Omit<Answered, "ms"> | Omit<Unanswered, "ms">) => {
      clearTimeout(timer);
      resolve({ ...outcome, ms: performance.now() - startedAt });
    };
    const address = url.port ? url.host : `${url.hostname}:${url.protocol === "https:" ? 443 : 80}`;
    const fail = ({ code = "UNKNOWN", message }: NodeJS.ErrnoException) => {
      const isStale = request.reusedSocket && ["ECONNRESET", "EPIPE"].includes(code);
      end({ phase: phase(), code, detail: message, address, isStale });
    };
    const timer = setTimeout(() => {
      end({ phase: phase(), code: "", detail: "", address, afterMs: timeMs, isStale: false });
      request.destroy();
    }, timeMs);
    request.on("error", fail);
    request.on("response", (response) => void read(response).then(end, fail));
    request.end(content);
  });
}

/** Follows a request through its phases. */
function phaseOf(request: ClientRequest, url: URL): () => Phase {
  let phase: Phase = "http";
  request.on("socket", (socket: Socket) => {
    if (!socket.connecting) return;
    phase = isIP(url.hostname.replace(/^\[|\]$/g, "")) > 0 ? "connect" : "lookup";
    socket.once("lookup", (error: Error | null) => (phase = error ? "lookup" : "connect"));
    socket.once("connect", () => (phase = url.protocol === "https:" ? "tls" : "http"));
    socket.once("secureConnect", () => (phase = "http"));
  });
  return () => phase;
}

async function read(response: IncomingMessage): Promise<Omit<Answered, "ms">> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > LONGEST_ANSWER) break;
  }
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks),
    isTooLong: length > LONGEST_ANSWER,
  };
}
