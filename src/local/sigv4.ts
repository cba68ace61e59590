import { decoded } from "./stage-url.ts";
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** A request as its signature is made of: the head as it came, and the whole body. */
export interface SignedRequest extends Pick<IncomingMessage, "method" | "url" | "rawHeaders"> {
  body: Uint8Array;
}

/** What a Signature Version 4 says of itself, in the headers or, of a presigned call, in the query. */
export interface StatedSignature {
  accessKeyId: string;
  sessionToken: string | undefined;
  /** `DAY/REGION/SERVICE/aws4_request` */
  scope: string;
  /** As it was signed: `20261128T120000Z`. */
  time: string;
  /** How long it is good, in ms. */
  lifeMs: number;
  /** The headers that were signed, by name. */
  names: readonly string[];
  signature: string;
}

/** How far the clocks of both sides may differ, ms. */
const SKEW_MS = 300_000;

/**
 * What a request states in either form; undefined where that is not whole. The token is the one that the
 * session is read from: of several headers Node makes one text.
 */
export function statedSignature(
  request: Pick<SignedRequest, "url" | "rawHeaders">,
): StatedSignature | undefined {
  const header = (name: string) => headerLines(request, name).join(", ") || undefined;
  const authorization = header("authorization") ?? "";
  const token = header("x-amz-security-token");
  if (authorization.startsWith("AWS4-HMAC-SHA256 ")) {
    const parts = new Map(
      [...authorization.matchAll(/\b(\w+)=([^,\s]+)/g)].map(([, name = "", value = ""]) => [name, value]),
    );
    const stated = stating(parts.get("Credential"), parts.get("SignedHeaders"), parts.get("Signature"));
    const time = header("x-amz-date");
    return stated && time ? { ...stated, time, lifeMs: 0, sessionToken: token } : undefined;
  }
  const query = new Map(queryOf(request.url));
  const [credential, names, signature, time, seconds, inQuery] = presigned.map((name) => query.get(name));
  const stated = stating(credential, names, signature);
  return stated && time
    ? { ...stated, time, lifeMs: 1000 * Number(seconds), sessionToken: token ?? inQuery }
    : undefined;
}

const presigned = ["Credential", "SignedHeaders", "Signature", "Date", "Expires", "Security-Token"].map(
  (name) => `X-Amz-${name}`,
);

/** Far more names than any client signs. */
const MOST_SIGNED = 100;

function stating(credential = "", names = "", signature = "") {
  const [, accessKeyId, scope] = /^([^/]+)\/(\d{8}\/[^/]+\/[^/]+\/aws4_request)$/.exec(credential) ?? [];
  if (accessKeyId === undefined || scope === undefined || !/^[0-9a-f]{64}$/.test(signature)) return undefined;
  const signed = names.toLowerCase().split(";");
  // Each name is looked for among all headers: another user's list must not make that long.
  if (signed.length > MOST_SIGNED || new Set(signed).size < signed.length) return undefined;
  return signed.includes("host") ? { accessKeyId, scope, names: signed, signature } : undefined;
}

/** Whether a request was signed with this secret, and lately enough. `now` is in ms since 1970. */
export function isSignedWith(
  secret: string,
  stated: StatedSignature,
  { request, now }: { request: SignedRequest; now: number },
): boolean {
  if (!isOfNow(stated, now)) return false;
  const { scope, time, signature } = stated;
  const key = scope.split("/").reduce<Buffer>(hmac, Buffer.from(`AWS4${secret}`));
  return canonicalRequests(request, stated).some((canonical) => {
    const made = hmac(key, ["AWS4-HMAC-SHA256", time, scope, sha256(canonical)].join("\n"));
    return timingSafeEqual(made, Buffer.from(signature, "hex"));
  });
}

function isOfNow({ time, scope, lifeMs }: StatedSignature, now: number): boolean {
  const signedAt = Date.parse(
    time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"),
  );
  const isInTime = signedAt - SKEW_MS <= now && now <= signedAt + Math.max(lifeMs, SKEW_MS);
  return isInTime && scope.startsWith(`${time.slice(0, 8)}/`);
}

/**
 * What was signed. The path is encoded once more, as every service but S3 has it; curl before 8.10 signs it
 * as it is on the wire.
 */
function canonicalRequests(request: SignedRequest, { names }: StatedSignature): string[] {
  const { method = "", url = "" } = request;
  const [path = ""] = url.split("?");
  const query = queryOf(url)
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .toSorted()
    .join("&");
  const headers = names.map((name) => `${name}:${headerLines(request, name).join(",")}\n`).join("");
  const rest = [query, headers, names.join(";"), sha256(request.body)];
  return [path.split("/").map(encoded).join("/"), path].map((each) => [method, each, ...rest].join("\n"));
}

function queryOf(url = ""): [name: string, value: string][] {
  const [, ...query] = url.split("?");
  const pairs = query.join("?").split("&").filter(Boolean);
  return pairs.map((pair) => {
    const [name = "", ...value] = pair.split("=");
    return [decoded(name), decoded(value.join("="))];
  });
}

/** The values of a header in their order, with single blanks, whatever Node makes of several. */
const headerLines = ({ rawHeaders }: Pick<SignedRequest, "rawHeaders">, name: string): string[] =>
  rawHeaders.flatMap((value, at) =>
    at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name ? [value.trim().replaceAll(/ +/g, " ")] : [],
  );

/** By RFC 3986. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

const hmac = (key: Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
const sha256 = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex");
