/** Names of query parameters and headers whose value is a secret. */
const names =
  /token|secret|passw|passphrase|cookie|credential|auth|jwt|key$|session|^sec-websocket-protocol$/i;
/** What browsers send with each handshake, which is no secret. */
const handshakeKey = "sec-websocket-key";
/** A header's value holds one or several: `Bearer …`, `a=…; b=…`, `one, other`. */
const separators = /[\s;,=]+/;
/** A word without a digit is the name of a scheme or a protocol. */
const nameOnly = /^[A-Za-z_.-]*$/;

/** The secrets that a handshake carries, as they came: they are shown nowhere. */
export function secretsIn({ url, rawHeaders }: { url: string; rawHeaders: readonly string[] }): string[] {
  const query = url.split("?").slice(1).join("?").split("&");
  const parameters = query.flatMap((parameter) => {
    const [name = "", ...value] = parameter.split("=");
    return names.test(name) ? value.join("=") : [];
  });
  const headers = rawHeaders.flatMap((value, at) => {
    const name = at % 2 === 1 ? (rawHeaders[at - 1] ?? "").toLowerCase() : "";
    if (!names.test(name) || name === handshakeKey) return [];
    return value.split(separators).filter((word) => !nameOnly.test(word));
  });
  return [...parameters, ...headers].filter((secret) => secret !== "");
}
