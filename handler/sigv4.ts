const { createHmac, createSecretKey, hash } = process.getBuiltinModule("node:crypto");

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
  headers?: Record<string, string> | undefined;
  body: string;
}

/** Signs one request; returns the headers to add to it, those that were given included. */
export type Sign = (request: Unsigned, now: Date) => Record<string, string>;

const sha256 = (text: string) => hash("sha256", text, "hex");
const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();

/**
 * A Signature Version 4 signer for one service in one region. It is our own because `@smithy/signature-v4`
 * alone is 143 kB when bundled, seven times the whole handler, and would slow down every cold start; tests
 * compare this one with golden vectors and with that package. The signing key depends on the day only. The
 * frames of one message often share the second, the stage and the text as well.
 */
export function createSigner(service: string, region: string, credentials: Credentials): Sign {
  const { accessKeyId, secretAccessKey, sessionToken: token } = credentials;
  const keyOf = rememberingLast((day: string) =>
    // Node prepares a key object once, a Buffer at every signature.
    createSecretKey(
      [region, service, "aws4_request"].reduce<Buffer>(hmac, hmac(`AWS4${secretAccessKey}`, day)),
    ),
  );
  const timeOf = rememberingLast((second: number) =>
    new Date(second * 1_000).toISOString().replace(/[-:]|\.\d+/g, ""),
  );
  const hashOf = rememberingLast(sha256);
  const canonicalFolder = rememberingLast(canonicalPath);
  let head = headOf("", "", undefined, token);
  return ({ method, host, path, headers: extra, body }, now) => {
    const time = timeOf(Math.floor(now.getTime() / 1_000));
    if (head.time !== time || head.host !== host || head.extra !== extra)
      head = headOf(time, host, extra, token);
    const { added, names, lines } = head;
    const day = time.slice(0, 8);
    const scope = `${day}/${region}/${service}/aws4_request`;
    const end = path.lastIndexOf("/") + 1;
    const canonical =
      `${method}\n${canonicalFolder(path.slice(0, end))}${encodeSegment(path.slice(end))}\n\n` +
      `${lines}\n${names}\n${hashOf(body)}`;
    const signature = createHmac("sha256", keyOf(day))
      .update(`AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`)
      .digest("hex");
    const authorization =
      `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, ` +
      `SignedHeaders=${names}, Signature=${signature}`;
    return { ...added, authorization };
  };
}

/** The headers that a second's requests to one host share. */
function headOf(time: string, host: string, extra: Unsigned["headers"], token: string | undefined) {
  const added = { ...extra, "x-amz-date": time, ...(token && { "x-amz-security-token": token }) };
  const signed = Object.entries({ ...added, host }).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const names = signed.map(([name]) => name).join(";");
  const lines = signed.map(([name, value]) => `${name}:${value}\n`).join("");
  return { time, host, extra, added, names, lines };
}

/** The same function, which does not work twice in a row for the same argument. */
function rememberingLast<Key, Result>(of: (key: Key) => Result): (key: Key) => Result {
  let last: { key: Key; result: Result } | undefined;
  return (key) => {
    if (last === undefined || last.key !== key) last = { key, result: of(key) };
    return last.result;
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
