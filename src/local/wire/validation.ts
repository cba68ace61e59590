import { AwsError } from "../aws-error.ts";
import { membersOf, requiredMembersOf, type OperationShape, type Shape } from "./schema.ts";

/** What AWS's models say about a value and the SDK's schemas leave out. */
export interface Constraint {
  /** Of a number, or of a length: UTF-16 units of a text, bytes, items. */
  min?: number;
  max?: number;
  /** A number with a fraction, which AWS's errors write as Java does: `1.0`. */
  decimal?: boolean;
  /** Must match the whole text; spelled as in AWS's model, as its errors quote it. */
  pattern?: string;
  values?: readonly string[];
  /** Of a structure. */
  members?: ConstrainedMembers;
  /** Of a map's keys. */
  key?: Constraint;
  /** Of a list's items and a map's values. */
  item?: Constraint;
}

/** Constraints of a structure, by the names of its members. */
export type ConstrainedMembers = Readonly<Record<string, Constraint>>;

/** The constraints of a service: those of its operations' inputs. */
export interface Constraints {
  operations: Readonly<Record<string, ConstrainedMembers>>;
  /**
   * Lambda's wording: a value that fails by its pattern and by its length is reported once, and items must
   * not be null either (AWS.md 4.1, 4.4).
   */
  oncePerValue?: boolean;
}

/**
 * Checks an input against its shape and the constraints. Throws an AwsError of the given name with the text
 * that AWS's services share: `1 validation error detected: Value 'x' at 'functionName' failed to satisfy
 * constraint: …` (AWS.md 8.6).
 */
export function validate(
  { name, input: shape }: OperationShape,
  input: Record<string, unknown>,
  { constraints, errorName }: { constraints: Constraints; errorName: string },
): void {
  const members = constraints.operations[name] ?? {};
  const once = constraints.oncePerValue === true;
  const problems = memberProblems(shape, input, { path: "", constraint: { members }, once });
  if (problems.length === 0) return;
  throw new AwsError(
    errorName,
    `${problems.length} validation error${problems.length > 1 ? "s" : ""} detected: ${problems.join("; ")}`,
  );
}

/** Where a value stands, and what must hold for it. */
interface Place {
  path: string;
  constraint: Constraint;
  once: boolean;
}

/** The problems of a structure's members: first those that must be given. */
function memberProblems(shape: Shape, value: unknown, { path, constraint, once }: Place): string[] {
  const given = value as Record<string, unknown>;
  const at = (name: string) => (path ? `${path}.` : "") + name.charAt(0).toLowerCase() + name.slice(1);
  const missing = requiredMembersOf(shape)
    .filter((name) => given[name] === undefined)
    .map((name) => `Value null at '${at(name)}' ${unsatisfied}: ${notNull}`);
  const wrong = membersOf(shape).flatMap(([name, member]) => {
    const place = { path: at(name), constraint: constraint.members?.[name] ?? {}, once };
    return given[name] === undefined ? [] : problemsOf(member, given[name], place);
  });
  return [...missing, ...wrong];
}

const unsatisfied = "failed to satisfy constraint";
const notNull = "Member must not be null";

/** The problems of a member's value, then those of what it holds. */
function problemsOf(shape: Shape, value: unknown, place: Place): string[] {
  const { constraint } = place;
  const { sizes, forms } = checksOf(value, constraint);
  const failed = [...forms, ...sizes].filter((check) => check.failed).map(({ text }) => text);
  const own = place.once ? failed.slice(0, 1) : failed;
  return [...own.map((text) => problem(shape, value, place, text)), ...contentProblems(shape, value, place)];
}

const problem = (shape: Shape, value: unknown, { path, constraint }: Place, text: string): string =>
  `Value${quoted(shape, value, constraint)} at '${path}' ${unsatisfied}: ${text}`;

/** The problems of what a structure, a list or a map holds. */
function contentProblems(shape: Shape, value: unknown, place: Place): string[] {
  if (shape.isStructSchema()) return memberProblems(shape, value, place);
  const entries = entriesOf(shape, value);
  if (entries.length === 0) return [];
  const { path, constraint } = place;
  const ofItem = (name: string | number): Place => ({
    ...place,
    path: `${path}.${name}.member`,
    constraint: constraint.item ?? {},
  });
  return [
    ...entryProblems(shape, entries, place).map((text) => problem(shape, value, place, text)),
    ...entries.flatMap(([name, item]) =>
      item === undefined ? [] : contentProblems(shape.getValueSchema(), item, ofItem(name)),
    ),
  ];
}

type Entry = readonly [name: string | number, item: unknown];

/** The items of a list, which AWS counts from 1, and the entries of a map. */
function entriesOf(shape: Shape, value: unknown): readonly Entry[] {
  if (shape.isListSchema()) return (value as unknown[]).map((item, index) => [index + 1, item]);
  return shape.isMapSchema() ? Object.entries(value as object) : [];
}

/** A list's items and a map's keys and values are reported together, with all that they must satisfy. */
function entryProblems(shape: Shape, entries: readonly Entry[], { constraint, once }: Place): string[] {
  const { key = {}, item = {} } = constraint;
  const items = entries.map(([, each]) => each);
  if (shape.isListSchema()) return together("Member", items, item, once);
  const keys = entries.map(([name]) => name);
  return [...together("Map keys", keys, key, once), ...together("Map value", items, item, once)];
}

function together(
  subject: string,
  values: readonly unknown[],
  constraint: Constraint,
  once: boolean,
): string[] {
  const withNull = values.includes(undefined);
  const checked = values
    .map((value) => checksOf(value, constraint))
    .map(({ sizes, forms }) => [...sizes, ...forms]);
  const failing = withNull ? checked[0] : checked.find((checks) => checks.some(({ failed }) => failed));
  if (!failing) return [];
  const texts = [...failing.map(({ text }) => text), ...(once || withNull ? [notNull] : [])];
  return [`${subject} must satisfy constraint: [${texts.join(", ")}]`];
}

/** What one value must satisfy, in AWS's words. */
interface Check {
  failed: boolean;
  text: string;
}

function checksOf(
  value: unknown,
  { min, max, decimal, pattern, values }: Constraint,
): Record<"sizes" | "forms", readonly Check[]> {
  const measure = typeof value === "number" ? "value" : "length";
  const size = sizeOf(value);
  const sizes = [
    max !== undefined && {
      failed: size > max,
      text: `Member must have ${measure} less than or equal to ${numberText(max, decimal)}`,
    },
    min !== undefined && {
      failed: size < min,
      text: `Member must have ${measure} greater than or equal to ${numberText(min, decimal)}`,
    },
  ];
  const forms = [
    pattern !== undefined && {
      failed: typeof value === "string" && !regexOf(pattern).test(value),
      text: `Member must satisfy regular expression pattern: ${pattern}`,
    },
    values && {
      failed: !values.includes(String(value)),
      text: `Member must satisfy enum value set: [${values.join(", ")}]`,
    },
  ];
  return { sizes: sizes.filter(isCheck), forms: forms.filter(isCheck) };
}

const isCheck = (check: Check | false | undefined): check is Check => Boolean(check);

function sizeOf(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value === "string" || Array.isArray(value) || value instanceof Uint8Array) return value.length;
  return Object.keys(Object(value)).length;
}

const regexes = new Map<string, RegExp>();

/** A pattern of a model as JavaScript takes it, for the whole text; made when it is first needed. */
function regexOf(pattern: string): RegExp {
  const made = regexes.get(pattern) ?? new RegExp(`^(?:${pattern})$`, pattern.includes("\\p{") ? "u" : "");
  regexes.set(pattern, made);
  return made;
}

const numberText = (number: number, decimal = false): string =>
  decimal && Number.isInteger(number) ? `${number}.0` : String(number);

/** A value as AWS quotes it, ` '[a, b]'`; nothing for secrets and bytes. */
function quoted(shape: Shape, value: unknown, constraint: Constraint): string {
  const isSecret = shape.getMergedTraits().sensitive || value instanceof Uint8Array;
  return isSecret ? "" : ` '${quotable(value, constraint)}'`;
}

/** Lists and maps in Java's form. */
function quotable(value: unknown, { decimal, item = {} }: Constraint): string {
  if (Array.isArray(value)) return `[${value.map((each) => quotable(each ?? null, item)).join(", ")}]`;
  if (typeof value === "number") return numberText(value, decimal);
  if (typeof value !== "object" || value === null) return String(value);
  const entries = Object.entries(value).map(([name, each]) => `${name}=${quotable(each ?? null, item)}`);
  return `{${entries.join(", ")}}`;
}
