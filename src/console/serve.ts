import { readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { assetUrl, type Asset } from "../artifact/assets.ts";
import type { LocalAws } from "../local/server.ts";
import { act } from "./actions.ts";
import { openHub } from "./hub.ts";
import { refuse } from "./request.ts";
import { isOfOwnPage, openSessions, PATH } from "./sessions.ts";
import { stream } from "./stream.ts";

/** The page of a local AWS. */
export interface Console {
  /** Its address, with a key where the system does not tell whose a connection is. */
  url: string;
  close(): void;
}

interface ConsoleOptions {
  local: Pick<LocalAws, "traces" | "clients" | "secrets" | "isOwn" | "servePage" | "url" | "needsSignatures">;
  /** What the page must not show, besides what the local AWS knows: tokens of this user. */
  secrets: readonly string[];
  /** Gets another address each time that the key in the last one was used. */
  onNextAddress(url: string): void;
}

/**
 * Serves the console below `/_console/`. Its files hold nothing secret. What happens on the sockets gets only
 * a page that has shown to be this user's, once: by its connection where the system tells, otherwise by the
 * key in the fragment of the printed address, which is good for one page. It then has a session of its own,
 * in a header that no other page can send; no cookie, which other ports of this host would be sent too.
 */
export function openConsole({ local, secrets, onNextAddress }: ConsoleOptions): Console {
  const hub = openHub({ ...local, secrets: () => [...secrets, ...local.secrets()] });
  const sessions = openSessions(local, onNextAddress);
  local.servePage(PATH, async (request, response) => {
    setHeaders(response);
    const [path = ""] = (request.url ?? "").split("?", 1);
    const file = files.get(path.slice(PATH.length));
    if (request.method === "GET" && file) return await sendFile(response, file);
    if (!isOfOwnPage(request)) return refuse(response, "not-own");
    if (path === `${PATH}session`) return await sessions.answer(request, response);
    if (!sessions.has(request)) return refuse(response, "no-session");
    if (path === `${PATH}stream`) {
      if (hub.isFull()) return refuse(response, "too-many-pages");
      sessions.hold(request, response);
      return stream(hub, response);
    }
    if (path === `${PATH}action`) return await act({ hub, clients: local.clients }, request, response);
    return refuse(response, "unknown");
  });
  return { url: sessions.address(), close: () => hub.close() };
}

const files: ReadonlyMap<string, { asset: Asset; type: string }> = new Map([
  ["", { asset: "console/index.html", type: "text/html; charset=utf-8" }],
  ["page.js", { asset: "console/page.js", type: "text/javascript; charset=utf-8" }],
  ["page.css", { asset: "console/page.css", type: "text/css; charset=utf-8" }],
]);

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
];

function setHeaders(response: ServerResponse): void {
  response.setHeader("content-security-policy", policy.join("; "));
  response.setHeader("cross-origin-opener-policy", "same-origin");
  response.setHeader("cross-origin-resource-policy", "same-origin");
  response.setHeader("x-content-type-options", "nosniff");
  response.setHeader("x-frame-options", "DENY");
  response.setHeader("referrer-policy", "no-referrer");
  response.setHeader("cache-control", "no-store");
}

async function sendFile(
  response: ServerResponse,
  { asset, type }: { asset: Asset; type: string },
): Promise<void> {
  const body = await readFile(assetUrl(asset));
  response.writeHead(200, { "content-type": type }).end(body);
}
