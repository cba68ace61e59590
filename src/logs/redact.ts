/** Names, and ends of names, whose value is a secret, in JSON, headers and queries. */
const names =
  String.raw`[\w-]*(?:tokens?|secrets?|passwords?|passwd|passphrase|cookies?|credentials?|authori[sz]ation|` +
  String.raw`jwt|sec-websocket-protocol|(?:api|access|private|secret|session|signing)[_-]?keys?)`;
/** A number, a list or an object, whole or cut off; what stands in an inner object's inner object is not. */
const others = String.raw`-?\d[\d.eE+-]*|\[[^\]]*(?:\]|$)|\{[^}]*(?:\}|$)`;
const doublyQuoted = String.raw`"(?:[^"\\]|\\[^])*(?:"|\\?$)`;
const singlyQuoted = doublyQuoted.replaceAll('"', "'");
/** A member of a JSON object, also where the text is cut off in it. */
const secretMember = new RegExp(String.raw`("${names}"\s*:\s*)(?:${doublyQuoted}|${others})`, "gi");
/** The same in JSON that is itself a text in JSON, however deep: its quotes have as many backslashes. */
const innerMember = new RegExp(
  String.raw`(?<!\\)((\\+)"${names}\2"\s*:\s*)(?:\2".*?(?:(?<!\\)\2"|$)|${others})`,
  "gis",
);
/** As the console has a member of a line that is a JSON object, and as `util.inspect` has one. */
const quotedValue = new RegExp(
  String.raw`((?<![\w-])${names}'?)(?:(=)${doublyQuoted}|([=:]\s*)${singlyQuoted})`,
  "gi",
);
const assigned = new RegExp(
  String.raw`((?<![\w-])(?:${names}|[\w-]*signature)=)(?!\*\*\*|Bearer )[^\s&"',;]+`,
  "gi",
);
/** The same in a text that is encoded for a URL. */
const encodedValue = String.raw`(?:[^%&\s"]|%(?!2[26C]|7D)[0-9a-f]{2})+`;
const encoded = new RegExp(
  String.raw`((?<![\w-])${names}(?:%22)?(?:%3A|%3D)(?:%20)*(?:%22)?)${encodedValue}`,
  "gi",
);
/** Parts of base64url, the first one a JSON object: a signed token, or its beginning, wherever it stands. */
const jsonWebToken = /eyJ[\w-]{8,}(?:\.[\w-]*){0,4}/g;
/** One of another kind in a header: with a digit, as no English word has. */
const bearerToken = /\b(Bearer\s+)(?=[^\s"\\]*\d)[^\s"\\]{6,}/gi;
const signingKey = /whsec_[\w+/=]+/g;
const awsSecret = /(\bAWS_(?:SECRET_ACCESS_KEY|SESSION_TOKEN)\s*[=:]\s*)\S+/gi;

/** A text of a frame or a log without what looks like a token or a key. */
export function redacted(text: string): string {
  return text
    .replace(secretMember, '$1"***"')
    .replace(innerMember, '$1$2"***$2"')
    .replace(jsonWebToken, "***")
    .replace(bearerToken, "$1***")
    .replace(signingKey, "***")
    .replace(awsSecret, "$1***")
    .replace(quotedValue, '$1$2$3"***"')
    .replace(assigned, "$1***")
    .replace(encoded, "$1***");
}

/** At most so much of a text. It ends with a whole word: a part of a secret would not be known as one. */
export function beginningOf(text: string, longest: number): string {
  if (text.length <= longest) return text;
  const end = text.lastIndexOf(" ", longest);
  return text.slice(0, end > 0 ? end : longest);
}
