import { Agent as HttpAgent, type ClientRequest } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Agent, type AgentConnectOpts } from "agent-base";
import { HttpsProxyAgent } from "https-proxy-agent";
import { isLoopback } from "../errors/network.ts";
import { isDirect } from "./no-proxy.ts";

export { HttpsProxyAgent };

/** How an agent of AWS's clients connects. */
interface Way {
  /** Directly where there is none. */
  proxy: URL | undefined;
  /** Certificates in the PEM form, instead of Node's own list. */
  ca: string[] | undefined;
  /** How long a tunnel may take. */
  timeoutMs: number;
}

/** As many connections to one host as AWS's SDK takes. */
const MOST_SOCKETS = 50;

/** An agent that keeps connections open, to all hosts by one way. */
export function agentFor(scheme: "http" | "https", way: Way): HttpAgent {
  const { proxy, ca } = way;
  const options = { keepAlive: true, maxSockets: MOST_SOCKETS, ...(ca && { ca }) };
  const direct = scheme === "http" ? new HttpAgent(options) : new HttpsAgent(options);
  return proxy === undefined ? direct : new ByHost(scheme, direct, new Tunnel({ ...way, proxy }));
}

/** Leads to each host directly or through the proxy. */
class ByHost extends Agent {
  readonly #scheme;
  readonly #direct;
  readonly #tunnel;

  constructor(scheme: string, direct: HttpAgent, tunnel: Tunnel) {
    // Its own option decides what a request says of the connection.
    super({ keepAlive: true });
    this.#scheme = scheme;
    this.#direct = direct;
    this.#tunnel = tunnel;
  }

  connect(_request: ClientRequest, { host = "", port }: AgentConnectOpts): HttpAgent {
    const name = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    return isLoopback(name) || isDirect(this.#scheme, name) ? this.#direct : this.#tunnel;
  }

  override destroy(): void {
    this.#direct.destroy();
    this.#tunnel.destroy();
  }
}

/** What is known of an error that came before a tunnel stood. */
interface OfTheProxy {
  /** Its host and port. */
  proxy: string;
  /** What it answered, where it made no tunnel. */
  proxyStatus?: number;
  hostname: string;
  port: number;
}

/** Makes tunnels; where none is made, the error says that it is the proxy's. */
export class Tunnel extends HttpsProxyAgent<string> {
  readonly #way;

  constructor(way: Way & { proxy: URL }) {
    super(way.proxy.href, { keepAlive: true, ...(way.ca && { ca: way.ca }) });
    this.#way = way;
  }

  override async connect(request: ClientRequest, options: AgentConnectOpts): Promise<Socket> {
    const { ca, proxy, timeoutMs } = this.#way;
    const known: OfTheProxy = { proxy: proxy.host, hostname: options.host ?? "", port: options.port ?? 0 };
    request.once("proxyConnect", ({ statusCode }: { statusCode: number }) => {
      known.proxyStatus = statusCode;
    });
    const over = new AbortController();
    try {
      const connecting = super.connect(request, { ...options, ...(ca && { ca }) });
      const socket = await Promise.race([connecting, timeIsUp(timeoutMs, over.signal)]);
      if (known.proxyStatus === 200) return socket;
      socket.destroy();
      throw new Error(`the proxy answered ${known.proxyStatus}`);
    } catch (error) {
      throw asOfTheProxy(error as NodeJS.ErrnoException, known);
    } finally {
      over.abort();
    }
  }
}

async function timeIsUp(timeoutMs: number, signal: AbortSignal): Promise<never> {
  await delay(timeoutMs, undefined, { signal });
  throw Object.assign(new Error("the proxy did not establish a connection"), { name: "TimeoutError" });
}

/** The package's own errors, of an answer that ends early or is no HTTP, have no code. */
function asOfTheProxy(error: NodeJS.ErrnoException, known: OfTheProxy): Error {
  const { proxyStatus, ...place } = known;
  const isRefusal = proxyStatus !== undefined && proxyStatus >= 100;
  const isTimeout = error.name === "TimeoutError";
  const code = error.code ?? (/ended before/.test(error.message) ? "ECONNRESET" : "HPE_PROXY");
  return Object.assign(error, place, isRefusal ? { proxyStatus } : isTimeout ? {} : { code });
}
