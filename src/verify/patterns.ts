/** A value, several or none of a policy document, as a list. */
export const listOf = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === "string" ? [value] : value;

/** Whether a pattern of a policy fits: `*` stands for any characters, `?` for one. */
export const matchesPattern = (pattern: string, value: string): boolean =>
  new RegExp(
    `^${pattern
      .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
      .replaceAll(/\*+/g, ".*")
      .replaceAll("?", ".")}$`,
    "s",
  ).test(value);

/** The same for ARNs: a star does not reach over a colon (AWS.md 4.7). */
export function matchesArn(pattern: string, arn: string): boolean {
  const [patterns, parts] = [partsOf(pattern), partsOf(arn)];
  return (
    patterns.length === parts.length &&
    patterns.every((one, index) => matchesPattern(one, parts[index] ?? ""))
  );
}

const partsOf = (arn: string): string[] => {
  const parts = arn.split(":");
  return [...parts.slice(0, 5), parts.slice(5).join(":")];
};
