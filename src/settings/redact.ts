/** Longer words than any command, option or variable of ours. */
const LONGEST_SHOWN = 20;

/** A word that was typed where a name belongs, as it may be shown: a long one may be a token. */
export const redactWord = (word: string): string => (word.length > LONGEST_SHOWN ? "***" : word);

const LONGEST_NAME = 60;

/** A text of a file or command line as a part of a message: its beginning, where it is long. */
export const shorten = (text: string, most = LONGEST_NAME): string =>
  text.length > most ? `${text.slice(0, most - 1)}…` : text;

/** Query parameters that say nothing secret; the value of every other one is masked (FAULTS.md C-04). */
const harmless = new Set(["booking_id", "type"]);

const parts = /^([a-z][a-z\d+.-]*:\/\/)([^/\\?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/is;

/**
 * A URL, or a text that was meant to be one, as it may be shown: user and password, query values that could
 * be secrets, and the fragment are `***` (FAULTS.md C-04). A password that was not percent-encoded ends the
 * host for a parser; then everything up to the last `@` is masked.
 */
export function redactUrl(text: string): string {
  const [, scheme = "", authority = "", path = "", query = "", fragment = ""] = parts.exec(text) ?? [];
  const isRead = scheme !== "" && URL.canParse(text) && !path.replace("/@connections/", "").includes("@");
  if (!isRead && text.includes("@")) return redactUser(text);
  if (!isRead) return text.replace(/#.*/s, "#***").replace(/\?.*/s, redactQuery);
  return `${scheme}${redactUser(authority)}${path}${redactQuery(query)}${fragment && "#***"}`;
}

/** A text of another program with the URLs in it as they may be shown. */
export const redactUrls = (text: string): string => text.replaceAll(/[a-z][a-z\d+.-]*:\/\/\S+/gi, redactUrl);

/** Nothing of what may be a secret's end is kept either: behind a `?` or `#` an `@` belongs to anything. */
function redactUser(text: string): string {
  const [, scheme = "", rest = ""] = /^([a-z][a-z\d+.-]*:\/\/)?(.*)$/is.exec(text) ?? [];
  const at = rest.lastIndexOf("@");
  if (at < 0) return text;
  return `${scheme}***${/[?#]/.test(rest) ? "" : rest.slice(at)}`;
}

/** An `@` that is not percent-encoded may be the end of a password that holds a `?`. */
function redactQuery(query: string): string {
  if (query.includes("@")) return "?***";
  return query.replaceAll(
    /([?&])([^=&]*)(=?)([^&]*)/g,
    (_parameter, separator: string, name: string, equals: string, value: string) =>
      equals ? `${separator}${name}=${harmless.has(name) ? value : "***"}` : `${separator}***`,
  );
}
