import type WebSocket from "ws";
import type { Report } from "../progress.ts";
import type { Settings } from "../settings/table.ts";
import { LONGEST_URL, addressOf, type Subscription } from "./address.ts";
import type { Source } from "./handshake.ts";
import {
  openSession,
  openSocket,
  type Session,
  type SessionOptions,
  type UpgradeRequest,
} from "./session.ts";

/** Where and how the clients of one run connect. */
export interface Opening extends Pick<SessionOptions, "route" | "timeoutMs" | "keepaliveMs" | "onKeepalive"> {
  /** The stage's URL. */
  base: string;
  source: Source;
  request: UpgradeRequest;
  /** Headers that are made anew for each handshake: a signature. */
  sign?: ((address: URL) => Promise<Record<string, string>>) | undefined;
  signal: AbortSignal;
  report: Report;
}

/** Opens a WebSocket for a subscription. Throws as `addressOf` and `openSession` do. */
export async function openAs(opening: Opening, subscription: Subscription): Promise<Session> {
  const { address, options } = await wayFor(opening, subscription);
  return await openSession(address, options);
}

/** Opens the WebSocket alone, as `openSocket` does. */
export async function openSocketAs(
  opening: Opening,
  subscription: Subscription,
  prepare: (socket: WebSocket) => void,
): Promise<WebSocket> {
  const { address, options } = await wayFor(opening, subscription);
  return (await openSocket(address, options, prepare)).socket;
}

async function wayFor(opening: Opening, subscription: Subscription) {
  const { base, request, sign, report, ...options } = opening;
  const address = addressOf(base, subscription);
  if (address.href.length > LONGEST_URL)
    report({
      kind: "warning",
      message: `the URL has ${address.href.length} characters; API Gateway takes ${LONGEST_URL}`,
    });
  const signature = await sign?.(address);
  return {
    address,
    options: { ...options, request: { ...request, headers: { ...request.headers, ...signature } } },
  };
}

/** What the request for an upgrade says besides, by the settings of that name. */
export const requestOf = ({
  header = [],
  subprotocol = [],
  origin,
}: Pick<Settings, "header" | "subprotocol" | "origin">): UpgradeRequest => ({
  headers: headersOf(header),
  subprotocols: subprotocol,
  ...(origin === undefined ? {} : { origin }),
});

/** The headers by name, of lines such as `X-Team: blue`; one that is given twice has both values. */
function headersOf(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const [name = "", value = ""] = line.split(/:(.*)/s).map((part) => part.trim());
    const present = Object.keys(headers).find((one) => one.toLowerCase() === name.toLowerCase()) ?? name;
    headers[present] = present in headers ? `${headers[present]}, ${value}` : value;
  }
  return headers;
}
