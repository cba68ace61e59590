import { CliError } from "../errors/error.ts";
import { redactUrl } from "../settings/redact.ts";

/** What a client asks for when it connects: the query parameters of `$connect` (CONTRACT.md 2). */
export interface Subscription {
  booking?: string | undefined;
  type?: string | undefined;
  token?: string | undefined;
}

/** API Gateway refuses URLs of more characters (AWS.md 1.1). */
export const LONGEST_URL = 4096;

/** Words that are no URL may be a token that was typed in its place. */
const shownAddress = (base: string): string =>
  /^[a-z][a-z\d+.-]*:\/\//i.test(base) || base.length <= 20 ? JSON.stringify(redactUrl(base)) : "***";

/**
 * The address to open: the stage's `ws`/`wss` URL with the subscription as percent-encoded query parameters.
 * Throws a CliError (exit 2) for anything else.
 */
export function addressOf(base: string, { booking, type, token }: Subscription): URL {
  const address = URL.canParse(base) ? new URL(base) : undefined;
  if (!address || !/^wss?:$/.test(address.protocol)) {
    const isHttp = /^https?:$/.test(address?.protocol ?? "");
    throw new CliError("url-invalid", `${shownAddress(base)} is not a WebSocket URL`, {
      hint: isHttp
        ? `the same address for a WebSocket: ${redactUrl(base.replace(/^http/i, "ws"))}`
        : "it looks like wss://abc123.execute-api.us-east-1.amazonaws.com/dev; " +
          "leave --url out to use the deployed stage",
    });
  }
  address.hash = "";
  const wanted = Object.entries({ booking_id: booking, type, token });
  for (const [name, value] of wanted) if (value !== undefined) address.searchParams.set(name, value);
  // URLSearchParams writes a space as "+", which only forms decode.
  address.search = address.search.replaceAll("+", "%20");
  return address;
}
