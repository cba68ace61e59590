const { createHash, createHmac } = process.getBuiltinModule("node:crypto");

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
}

export interface Unsigned {
  method: string;
  host: string;
  /** The path as it goes over the wire, already percent-encoded, without a query, without `.` and `..`. */
  path: string;
  /** Further headers to sign, lower case; `x-amz-*` headers have to be. */
  headers?: Record<string, string>;
  body: string;
}

/** Signs one request; returns the headers to add to it, those that were given included. */
export type Sign = (request: Unsigned, now: Date) => Record<string, string>;

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();

/**
 * A Signature Version 4 signer for one service in one region. It is our own because `@smithy/signature-v4`
 * alone is 143 kB when bundled, seven times the whole handler, and would slow down every cold start; tests
 * compare this one with golden vectors and with that package. The signing key depends on the day only and is
 * derived once a day.
 */
export function createSigner(service: string, region: string, credentials: Credentials): Sign {
  let derived = { day: "", key: hmac("", "") };
  const keyOf = (day: string) => {
    if (derived.day !== day) {
      const key = [region, service, "aws4_request"].reduce<Buffer>(
        hmac,
        hmac(`AWS4${credentials.secretAccessKey}`, day),
      );
      derived = { day, key };
    }
    return derived.key;
  };
  return ({ method, host, path, headers: extra = {}, body }, now) => {
    const time = now.toISOString().replace(/[-:]|\.\d+/g, "");
    const scope = `${time.slice(0, 8)}/${region}/${service}/aws4_request`;
    const token = credentials.sessionToken;
    const added = { ...extra, "x-amz-date": time, ...(token && { "x-amz-security-token": token }) };
    const signed = Object.entries({ ...added, host }).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const names = signed.map(([name]) => name).join(";");
    const lines = signed.map(([name, value]) => `${name}:${value}\n`).join("");
    const canonical = [method, canonicalPath(path), "", lines, names, sha256(body)].join("\n");
    const signature = hmac(
      keyOf(time.slice(0, 8)),
      `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`,
    ).toString("hex");
    const authorization =
      `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, ` +
      `SignedHeaders=${names}, Signature=${signature}`;
    return { ...added, authorization };
  };
}

/** One segment of a path, percent-encoded by RFC 3986. */
export function encodeSegment(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * Every service but S3 signs the path encoded once more: `=` is `%3D` on the wire and `%253D` here, `@` is
 * `@` on the wire and `%40` here.
 */
function canonicalPath(path: string): string {
  return path.split("/").map(encodeSegment).join("/");
}
