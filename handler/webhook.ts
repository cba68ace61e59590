import type { KeyObject } from "node:crypto";

const { createHmac, createSecretKey } = process.getBuiltinModule("node:crypto");

/**
 * Reads `SIGNING_KEYS`: one or two keys (newest first, separated by commas or blanks), each `whsec_` and the
 * base64 of 24 to 64 bytes. Returns undefined where that does not hold. A key object is prepared once for all
 * signatures.
 */
export function signingKeys(text: string): KeyObject[] | undefined {
  const keys = text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(signingKey);
  return keys[0] && keys.length <= 2 && keys.every((key) => key !== undefined) ? keys : undefined;
}

function signingKey(text: string): KeyObject | undefined {
  const base64 = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1];
  if (base64 === undefined) return undefined;
  const key = Buffer.from(base64, "base64");
  const isKey = key.toString("base64") === base64 && key.length >= 24 && key.length <= 64;
  return isKey ? createSecretKey(key) : undefined;
}

/**
 * The `webhook-signature` of Standard Webhooks 1.0: one `v1,<base64>` per key, separated by blanks.
 * `timestamp` in seconds.
 */
export function webhookSignature(
  keys: readonly KeyObject[],
  id: string,
  timestamp: number,
  body: string,
): string {
  return keys
    .map((key) => `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`)
    .join(" ");
}
