const names = String.raw`(?:\w*token|authorization|password|passwd|\w*secret|api_?key|jwt|signing_?keys?)`;
/** A member of a JSON object, also where the text is cut off in it. */
const secretMember = new RegExp(String.raw`("${names}"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|\\?$)`, "gi");
/** The same in JSON that is itself a text in JSON. */
const innerMember = new RegExp(String.raw`(\\"${names}\\"\s*:\s*)\\"(?:(?!\\").)*(?:\\"|$)`, "gis");
/** Parts of base64url, the first one a JSON object: a signed token, or its beginning, wherever it stands. */
const jsonWebToken = /\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}/g;
const signingKey = /\bwhsec_[\w+/=]+/g;
const awsSecret = /(\bAWS_(?:SECRET_ACCESS_KEY|SESSION_TOKEN)\s*[=:]\s*)\S+/gi;
const queryToken = /([?&]\w*token=)[^&\s"]+/gi;

/** A text of a frame or a log without what looks like a token or a key. */
export function redacted(text: string): string {
  return text
    .replace(secretMember, '$1"***"')
    .replace(innerMember, '$1\\"***\\"')
    .replace(jsonWebToken, "***")
    .replace(signingKey, "***")
    .replace(awsSecret, "$1***")
    .replace(queryToken, "$1***");
}
