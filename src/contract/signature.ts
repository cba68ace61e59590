import { createHash, createHmac, randomBytes } from "node:crypto";

/** A new signing key: `whsec_` and the base64 of 32 random bytes (CONTRACT.md 1). */
export const newSigningKey = (): string => `whsec_${randomBytes(32).toString("base64")}`;

/**
 * The keys in `SIGNING_KEYS`, newest first: none, one or two, separated by commas or blanks. Undefined where
 * a word is not `whsec_` and the base64 of 24 to 64 bytes, or there are more than two.
 */
export function parseSigningKeys(text: string): string[] | undefined {
  const keys = wordsOf(text);
  return keys.length === 0 || areSigningKeys(keys) ? keys : undefined;
}

/** Whether the text is what the handler takes for `SIGNING_KEYS`: one or two keys. */
export const isSigningKeys = (text: string): boolean => areSigningKeys(wordsOf(text));

const wordsOf = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);
const areSigningKeys = (keys: readonly string[]): boolean =>
  keys.length >= 1 && keys.length <= 2 && keys.every(isSigningKey);

function isSigningKey(word: string): boolean {
  const base64 = word.replace(/^whsec_/, "");
  const key = Buffer.from(base64, "base64");
  return word !== base64 && key.toString("base64") === base64 && key.length >= 24 && key.length <= 64;
}

/**
 * What may be shown of a key: the first 12 digits of the SHA-256 of its text, as `printf %s "$KEY" |
 * sha256sum` has them.
 */
export const fingerprint = (key: string): string =>
  createHash("sha256").update(key).digest("hex").slice(0, 12);

/**
 * The `webhook-signature` of Standard Webhooks 1.0: one `v1,<base64>` for each key, separated by blanks.
 * `timestamp` in seconds.
 */
export function webhookSignature(
  keys: readonly string[],
  id: string,
  timestamp: number,
  body: string,
): string {
  return keys.map((key) => `v1,${hmac(key, `${id}.${timestamp}.${body}`)}`).join(" ");
}

const hmac = (key: string, text: string): string =>
  createHmac("sha256", Buffer.from(key.replace(/^whsec_/, ""), "base64"))
    .update(text)
    .digest("base64");
