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
  /** Also makes it the one that was used last. */
  has(request: IncomingMessage): boolean;
  /** Keeps the session of a request until its response is closed. */
  hold(request: IncomingMessage, response: ServerResponse): void;
  /** Opens one, or refuses it. */
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** See {@link Sessions}; who gets one is said at `openConsole`. */
export function openSessions(
  { isOwn, needsSignatures, url }: Pick<LocalAws, "isOwn" | "url" | "needsSignatures">,
  onNextAddress: (url: string) => void,
): Sessions {
  /** How many responses hold each; the one that was used last is the last. */
  const sessions = new Map<string, number>();
  const sessionOf = ({ headers }: IncomingMessage): string => String(headers[SESSION_HEADER]);
  function use(session: string, more = 0): void {
    const held = sessions.get(session) ?? 0;
    sessions.delete(session);
    sessions.set(session, held + more);
  }
  function open(): string {
    const session = newSecret();
    const idle = [...sessions].find(([, held]) => held === 0)?.[0];
    if (sessions.size >= SESSIONS_AT_MOST && idle !== undefined) sessions.delete(idle);
    use(session);
    return session;
  }
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
    has(request) {
      const session = sessionOf(request);
      if (!sessions.has(session)) return false;
      use(session);
      return true;
    },
    hold(request, response) {
      const session = sessionOf(request);
      use(session, 1);
      response.once("close", () => use(session, -1));
    },
    async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
      const body = await bodyOf(request);
      const given = typeof body === "string" ? undefined : body["key"];
      if (!isOfKey(given) && (needsSignatures || !(await isOwn(request))))
        return refuse(response, "no-session");
      const session = open();
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ session }));
    },
  };
}

function isSame(given: string, secret: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(secret)];
  return one.length === other.length && timingSafeEqual(one, other);
}
