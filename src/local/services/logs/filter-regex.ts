import { AwsError } from "../../aws-error.ts";

/** The error for a pattern that cannot be read. */
export const invalidPattern = (pattern: string): AwsError =>
  new AwsError("InvalidParameterException", `Invalid filter pattern: ${pattern}`);

/**
 * What CloudWatch's regular expressions consist of (AWS.md 7.1): letters and digits, some signs, anchors,
 * classes, groups and greedy repeats. No look-around, no references, nothing lazy.
 */
const parts = new RegExp(
  [
    String.raw`\\(?:[dDsSwW]|x[\da-fA-F]{2}|[^a-zA-Z\d])`,
    String.raw`\[\^?(?:\\.|[^\]\\])+\]`,
    String.raw`\((?!\?)`,
    String.raw`\{\d+(?:,\d*)?\}`,
    String.raw`[^\\[({?*+]`,
    String.raw`[?*+](?![?+])`,
  ].join("|"),
  "gy",
);

/** Whether a text matches a regular expression of a filter pattern. Throws InvalidParameterException. */
export function regexTest(expression: string, pattern: string): (text: string) => boolean {
  const read = [...expression.matchAll(parts)].reduce((length, [part]) => length + part.length, 0);
  if (read !== expression.length) throw invalidPattern(pattern);
  const regex = compiled(expression);
  if (!regex) throw invalidPattern(pattern);
  return (text) => regex.test(text);
}

function compiled(expression: string): RegExp | undefined {
  try {
    return new RegExp(expression, "s");
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
