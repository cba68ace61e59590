import { parseSigningKeys } from "../contract/signature.ts";
import type { Advice } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";

/**
 * The keys in `SIGNING_KEYS`, newest first; none for an empty text. `from` says where the text comes from,
 * `hint` what helps. Throws a CliError (exit 2) that shows no key when it does not hold one or two.
 */
export function signingKeysIn(text: string, from: string, hint: Advice = HOW_KEYS_LOOK): string[] {
  const keys = parseSigningKeys(text);
  if (keys) return keys;
  throw new CliError("signing-keys-invalid", `${from} does not hold one or two signing keys`, { hint });
}

const HOW_KEYS_LOOK =
  "a key is whsec_ and the base64 of 24 to 64 bytes; two are separated by a comma, the newest first";
