import { AwsError } from "../aws-error.ts";
import { membersOf, requiredMembersOf, type Shape } from "./schema.ts";

/** What AWS's models say about a member and the SDK's schemas leave out. */
export interface Constraint {
  min?: number;
  max?: number;
  /** Must match the whole value. */
  pattern?: RegExp;
  values?: readonly string[];
}

/** Constraints by the name of the member, wherever in the input it stands. */
export type Constraints = Readonly<Record<string, Constraint>>;

/**
 * Checks an input against its shape and the constraints. Throws an AwsError of the given name with the text
 * that AWS's services share: `1 validation error detected: Value 'x' at 'functionName' failed to satisfy
 * constraint: …` (AWS.md 4.1, 4.4, 7.1).
 */
export function validate(
  shape: Shape,
  input: Record<string, unknown>,
  { constraints, errorName }: { constraints: Constraints; errorName: string },
): void {
  const problems = problemsOf(shape, input, "", constraints);
  if (problems.length === 0) return;
  throw new AwsError(
    errorName,
    `${problems.length} validation error${problems.length > 1 ? "s" : ""} detected: ${problems.join("; ")}`,
  );
}

function problemsOf(
  shape: Shape,
  input: Record<string, unknown>,
  path: string,
  constraints: Constraints,
): string[] {
  const missing = requiredMembersOf(shape)
    .filter((name) => input[name] === undefined)
    .map((name) => problem(undefined, path + camel(name), "Member must not be null"));
  const wrong = membersOf(shape).flatMap(([name, member]) =>
    memberProblems(name, member, { value: input[name], path: path + camel(name), constraints }),
  );
  return [...missing, ...wrong];
}

interface Checked {
  value: unknown;
  path: string;
  constraints: Constraints;
}

function memberProblems(name: string, member: Shape, { value, path, constraints }: Checked): string[] {
  if (value === undefined) return [];
  const own = failures(value, constraints[name] ?? {}).map((failure) => problem(value, path, failure));
  if (member.isStructSchema())
    return [...own, ...problemsOf(member, value as Record<string, unknown>, `${path}.`, constraints)];
  if (!member.isListSchema() || !member.getValueSchema().isStructSchema()) return own;
  const items = value as Record<string, unknown>[];
  return [
    ...own,
    ...items.flatMap((item, index) =>
      problemsOf(member.getValueSchema(), item, `${path}.${index + 1}.member.`, constraints),
    ),
  ];
}

/** The checks of one value, each with AWS's words for its failure. */
function failures(value: unknown, { min, max, pattern, values }: Constraint): string[] {
  const measure = typeof value === "number" ? "value" : "length";
  const size = typeof value === "number" ? value : ((value as { length?: number }).length ?? 0);
  const checks: [failed: boolean, text: string][] = [
    [max !== undefined && size > max, `Member must have ${measure} less than or equal to ${max}`],
    [min !== undefined && size < min, `Member must have ${measure} greater than or equal to ${min}`],
    [
      pattern !== undefined && typeof value === "string" && !matches(pattern, value),
      `Member must satisfy regular expression pattern: ${pattern?.source}`,
    ],
    [
      values !== undefined && !values.includes(String(value)),
      `Member must satisfy enum value set: [${values?.join(", ")}]`,
    ],
  ];
  return checks.filter(([failed]) => failed).map(([, text]) => text);
}

const matches = (pattern: RegExp, value: string): boolean =>
  new RegExp(`^(?:${pattern.source})$`, pattern.flags).test(value);

const problem = (value: unknown, path: string, text: string): string =>
  `Value ${value === undefined ? "null" : `'${shown(value)}'`} at '${path}' failed to satisfy constraint: ${text}`;

const shown = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

const camel = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);
