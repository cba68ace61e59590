import { notEmulated } from "../../aws-error.ts";
import { jsonFilter } from "./filter-json.ts";
import { invalidPattern, regexTest } from "./filter-regex.ts";

/** Whether a log line is wanted. */
export type LineFilter = (message: string) => boolean;

/**
 * A filter pattern of CloudWatch Logs: terms (all), `"a phrase"`, `?either ?or`, `-not`, or a JSON filter `{
 * $.level = "ERROR" }`; where a term can stand, `%a regular expression%` can too. Case counts. Throws
 * InvalidParameterException for a pattern that cannot be read; space-delimited patterns are not emulated.
 */
export function lineFilter(pattern: string | undefined): LineFilter {
  const trimmed = pattern?.trim() ?? "";
  if (trimmed.startsWith("{")) return jsonFilter(trimmed);
  if (trimmed.startsWith("[")) throw notEmulated("a space-delimited filter pattern");
  return termFilter(trimmed);
}

interface Terms {
  every: LineFilter[];
  either: LineFilter[];
  none: LineFilter[];
}

function termFilter(pattern: string): LineFilter {
  const { every, either, none } = termsOf(pattern);
  return (message) =>
    every.every((holds) => holds(message)) &&
    !none.some((holds) => holds(message)) &&
    (either.length === 0 || every.length > 0 || either.some((holds) => holds(message)));
}

const term = /\s*([?-]?)(?:"((?:\\.|[^"\\])*)"|%((?:\\.|[^%\\])+)%(?=\s|$)|([^\s"]+))/y;

function termsOf(pattern: string): Terms {
  const terms: Terms = { every: [], either: [], none: [] };
  const kinds: Record<string, LineFilter[]> = { "": terms.every, "?": terms.either, "-": terms.none };
  term.lastIndex = 0;
  while (term.lastIndex < pattern.length) {
    const [, sign = "", phrase, expression, word = ""] = term.exec(pattern) ?? [];
    const text = phrase?.replaceAll(/\\(.)/g, "$1") ?? word;
    if (expression === undefined && phrase === undefined && word === "") throw invalidPattern(pattern);
    kinds[sign]?.push(
      expression === undefined ? (message) => message.includes(text) : regexTest(expression, pattern),
    );
  }
  return terms;
}
