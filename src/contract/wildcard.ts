/**
 * Whether a pattern of a policy fits: `*` stands for any characters, `?` for one. Linear in the value: the
 * last star is the only one that is ever moved.
 */
export function matchesWildcard(pattern: string, value: string): boolean {
  let [p, v, star, resume] = [0, 0, -1, 0];
  while (v < value.length) {
    if (pattern[p] === "*") [star, resume, p] = [p, v, p + 1];
    else if (pattern[p] === "?" || pattern[p] === value[v]) [p, v] = [p + 1, v + 1];
    else if (star >= 0) [p, v, resume] = [star + 1, resume + 1, resume + 1];
    else return false;
  }
  return /^\**$/.test(pattern.slice(p));
}

/**
 * ArnLike: each of the six parts is compared by itself, so that a star does not reach over a colon (AWS.md
 * 4.7).
 */
export function arnLike(pattern: string, arn: string): boolean {
  const [patterns, parts] = [arnParts(pattern), arnParts(arn)];
  return (
    patterns.length === parts.length &&
    patterns.every((one, index) => matchesWildcard(one, parts[index] ?? ""))
  );
}

function arnParts(arn: string): string[] {
  const parts = arn.split(":");
  return [...parts.slice(0, 5), parts.slice(5).join(":")];
}
