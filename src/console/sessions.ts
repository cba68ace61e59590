import { randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { LocalAws } from "../local/server.ts";
import { bodyOf, refuse } from "./request.ts";

/** The console is below this path. */
export const PATH = "/_console/";
const SESSION_HEADER = "x-shelfshack-console";

/** Sent by a page of this very address, with a header that no other page may send. */
export const isOfOwnPage = ({ method, headers }: IncomingMessage): boolean =>
  method === "POST" && headers.origin === `http://${headers.host}` && headers[SESSION_HEADER] !== undefined;

const newSecret = (): string => randomBytes(24).toString("base64url");
const SESSIONS_AT_MOST = 64;

/** The pages that may see what happens. */
export interface Sessions {
  /** Where the next page is opened, with the key that it needs. */
  address(): string;
  has(request: IncomingMessage): boolean;
  /** Opens one, or refuses it. */
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** See {@link Sessions}; who gets one is said at `openConsole`. */
export function openSessions(
  { isOwn, needsSignatures, url }: Pick<LocalAws, "isOwn" | "url" | "needsSignatures">,
  onNextAddress: (url: string) => void,
): Sessions {
  const sessions = new Set<string>();
  let key = newSecret();
  const address = () => `${url}${PATH}${needsSignatures ? `#key=${key}` : ""}`;
  /** Every use makes a new key; so does no guess, for there are too many to guess. */
  function isOfKey(given: unknown): boolean {
    if (!needsSignatures || typeof given !== "string" || !isSame(given, key)) return false;
    key = newSecret();
    onNextAddress(address());
    return true;
  }
  return {
    address,
    has: ({ headers }: IncomingMessage): boolean => sessions.has(String(headers[SESSION_HEADER])),
    async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
      const { key: given } = (await bodyOf(request)) ?? {};
      if (!isOfKey(given) && (needsSignatures || !(await isOwn(request)))) return refuse(response, 401);
      const session = newSecret();
      const [oldest = ""] = sessions.add(session);
      if (sessions.size > SESSIONS_AT_MOST) sessions.delete(oldest);
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ session }));
    },
  };
}

function isSame(given: string, secret: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(secret)];
  return one.length === other.length && timingSafeEqual(one, other);
}
