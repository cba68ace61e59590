/** Names whose value is usually a secret, as they stand in JSON, headers and queries. */
const names = new RegExp(
  String.raw`(?:token|passw|pwd|passphrase|secret|credential|authori[sz]ation|bearer|cookie|session|` +
    String.raw`signature|api[_-]?key|access[_-]?key|private[_-]?key|\botp|\bpin\b|\bjwt)`,
  "i",
);
/** Credentials that show what they are: JSON Web Tokens, keys of AWS and of services, keys in PEM. */
const forms =
  /\beyJ[\w-]+\.|\b(?:AKIA|ASIA)[A-Z\d]{12}|\bwhsec_|\b(?:gh[opsu]|glpat|xox[a-z]|sk)[-_]|-----BEGIN/;
const uuid = /\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/gi;
/** A word that no person types: long, of letters and digits. */
const random = /(?=[\w+/=-]*\d)(?=[\w+/=-]*[A-Za-z])[\w+/=-]{24,}/;

/** What is shorter is no secret, and stands in many a text. */
const SHORTEST_KNOWN = 4;

/**
 * Whether a text may hold a secret, so that it is kept nowhere: one of those that are `known`, a name that a
 * secret usually has, or what looks like one. Rather once too often.
 */
export const mayHoldSecret = (text: string, known: readonly string[]): boolean =>
  known.some((secret) => secret.length >= SHORTEST_KNOWN && text.includes(secret)) ||
  names.test(text) ||
  forms.test(text) ||
  random.test(text.replaceAll(uuid, ""));
