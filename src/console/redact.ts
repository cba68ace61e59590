/** Names, and ends of names, whose value is a secret, in JSON, headers and queries. */
const names =
  String.raw`[\w-]*(?:tokens?|secrets?|passwords?|passwd|passphrase|cookies?|credentials?|authori[sz]ation|` +
  String.raw`jwt|sec-websocket-protocol|(?:api|access|private|secret|session|signing)[_-]?keys?)`;
/** A number, a list or an object, whole or cut off; what stands in an inner object's inner object is not. */
const others = String.raw`-?\d[\d.eE+-]*|\[[^\]]*(?:\]|$)|\{[^}]*(?:\}|$)`;
/** A member of a JSON object, also where the text is cut off in it. */
const secretMember = new RegExp(
  String.raw`("${names}"\s*:\s*)(?:"(?:[^"\\]|\\.)*(?:"|\\?$)|${others})`,
  "gi",
);
/** The same in JSON that is itself a text in JSON. */
const innerMember = new RegExp(
  String.raw`(\\"${names}\\"\s*:\s*)(?:\\"(?:(?!\\").)*(?:\\"|$)|${others})`,
  "gis",
);
/** Parts of base64url, the first one a JSON object: a signed token, or its beginning, wherever it stands. */
const jsonWebToken = /\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}/g;
/** One of another kind in a header: with a digit, as no English word has. */
const bearerToken = /\b(Bearer\s+)(?=[^\s"\\]*\d)[^\s"\\]{8,}/gi;
const signingKey = /\bwhsec_[\w+/=]+/g;
const awsSecret = /(\bAWS_(?:SECRET_ACCESS_KEY|SESSION_TOKEN)\s*[=:]\s*)\S+/gi;
const queryToken = new RegExp(String.raw`([?&](?:${names}|[\w-]*signature)=)[^&\s"]+`, "gi");

/** A text of a frame or a log without what looks like a token or a key. */
export function redacted(text: string): string {
  return text
    .replace(secretMember, '$1"***"')
    .replace(innerMember, '$1\\"***\\"')
    .replace(jsonWebToken, "***")
    .replace(bearerToken, "$1***")
    .replace(signingKey, "***")
    .replace(awsSecret, "$1***")
    .replace(queryToken, "$1***");
}
