import { AwsError, notEmulated } from "../../aws-error.ts";
import { jsonFilter } from "./filter-json.ts";

/** Whether a log line is wanted. */
export type LineFilter = (message: string) => boolean;

/**
 * A filter pattern of CloudWatch Logs: terms (all), `"a phrase"`, `?either ?or`, `-not`, or a JSON filter `{
 * $.level = "ERROR" }`. Case counts. Throws InvalidParameterException for a pattern that cannot be read;
 * regular expressions and space-delimited patterns are not emulated.
 */
export function lineFilter(pattern: string | undefined): LineFilter {
  const trimmed = pattern?.trim() ?? "";
  if (trimmed.startsWith("{")) return jsonFilter(trimmed);
  if (trimmed.startsWith("[")) throw notEmulated("a space-delimited filter pattern");
  return termFilter(trimmed);
}

/** The error for a pattern that cannot be read. */
export const invalidPattern = (pattern: string): AwsError =>
  new AwsError("InvalidParameterException", `Invalid filter pattern: ${pattern}`);

interface Terms {
  every: string[];
  either: string[];
  none: string[];
}

function termFilter(pattern: string): LineFilter {
  const { every, either, none } = termsOf(pattern);
  return (message) =>
    every.every((term) => message.includes(term)) &&
    !none.some((term) => message.includes(term)) &&
    (either.length === 0 || every.length > 0 || either.some((term) => message.includes(term)));
}

const term = /\s*([?-]?)(?:"((?:\\.|[^"\\])*)"|([^\s"]+))/y;

function termsOf(pattern: string): Terms {
  const terms: Terms = { every: [], either: [], none: [] };
  const kinds: Record<string, string[]> = { "": terms.every, "?": terms.either, "-": terms.none };
  term.lastIndex = 0;
  while (term.lastIndex < pattern.length) {
    const [, sign = "", phrase, word = ""] = term.exec(pattern) ?? [];
    if (phrase === undefined && word === "") throw invalidPattern(pattern);
    if (/^%.*%$/.test(word)) throw notEmulated("a filter pattern with a regular expression");
    kinds[sign]?.push(phrase?.replaceAll(/\\(.)/g, "$1") ?? word);
  }
  return terms;
}
