import { arnLike, matchesWildcard } from "../../../contract/wildcard.ts";
import { jsonIn } from "../../../contract/json.ts";
import { AwsError } from "../../aws-error.ts";

/** One statement of a policy document, with single values as lists. */
export interface Statement {
  effect: "Allow" | "Deny";
  actions: readonly string[];
  resources: readonly string[];
  /** `lambda.amazonaws.com`, `arn:aws:iam::…`, or `*`. */
  principals: readonly string[];
  /** Operator → key → patterns; operators and keys in lower case. */
  conditions: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;
  /** What would have to be known to tell whether the statement applies to an access that it names. */
  doubt?: string;
}

/** What is being asked for, by whom. */
export interface Access {
  action: string;
  resource: string;
  principal?: string;
  /** Values of condition keys; keys in lower case, such as `aws:sourcearn`. */
  context?: Readonly<Record<string, string>>;
}

export type Decision = "allowed" | "explicitDeny" | "implicitDeny";

/** Reads a policy document. Throws IAM's MalformedPolicyDocument (AWS.md 6.3). */
export function statementsIn(document: string): Statement[] {
  const { Statement: given } = parsed(document);
  if (given === undefined) throw malformed("Syntax errors in policy.");
  return listOf(given).map((statement) => statementOf(Object(statement) as Record<string, unknown>));
}

function parsed(document: string): Record<string, unknown> {
  const value = jsonIn(document);
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw malformed("This policy contains invalid Json");
}

/** The error of IAM for a document that it cannot take. */
export const malformed = (message: string): AwsError =>
  new AwsError("MalformedPolicyDocumentException", message);

function statementOf({ Effect, Action, Resource, Principal, Condition }: Record<string, unknown>): Statement {
  if (Effect !== "Allow" && Effect !== "Deny") throw malformed("Syntax errors in policy.");
  return {
    effect: Effect,
    actions: texts(Action),
    resources: texts(Resource),
    principals: principalsOf(Principal),
    conditions: conditionsOf(Condition),
  };
}

const listOf = (value: unknown): unknown[] =>
  Array.isArray(value) ? value : value === undefined ? [] : [value];
const texts = (value: unknown): string[] => listOf(value).filter((item) => typeof item === "string");

const principalsOf = (principal: unknown): string[] =>
  typeof principal === "object" && principal !== null
    ? Object.values(principal).flatMap(texts)
    : texts(principal);

function conditionsOf(condition: unknown): Statement["conditions"] {
  const operators = Object.entries((Object(condition) ?? {}) as Record<string, unknown>);
  return new Map(operators.map(([operator, keys]) => [operator.toLowerCase(), keysOf(keys)]));
}

const keysOf = (keys: unknown): Map<string, string[]> =>
  new Map(
    Object.entries(Object(keys) as Record<string, unknown>).map(([key, values]) => [
      key.toLowerCase(),
      conditionValues(values),
    ]),
  );

/** AWS takes `true` and `1` for "true" and "1". */
const conditionValues = (values: unknown): string[] =>
  listOf(values).flatMap((value) =>
    typeof value === "boolean" || typeof value === "number" ? String(value) : texts(value),
  );

/**
 * What the statements decide together: a matching Deny beats every Allow. A statement that depends on what
 * is not emulated, such as an unknown condition key, applies where it has this effect; by default never.
 */
export function decide(
  statements: readonly Statement[],
  access: Access,
  effectInDoubt?: Statement["effect"],
): Decision {
  const matching = statements.filter((statement) => {
    const doubts = doubtsAbout(statement, access);
    return doubts && (doubts.length === 0 || statement.effect === effectInDoubt);
  });
  if (matching.some(({ effect }) => effect === "Deny")) return "explicitDeny";
  return matching.length > 0 ? "allowed" : "implicitDeny";
}

/**
 * What would have to be known to tell whether a statement speaks of this access: nothing where it surely
 * does, undefined where it surely does not.
 */
export function doubtsAbout(statement: Statement, access: Access): string[] | undefined {
  if (!names(statement, access)) return undefined;
  const { resources, conditions, doubt } = statement;
  const inConditions = [...conditions].flatMap(([operator, keys]) =>
    [...keys].map(([key, patterns]) => ({
      doubt: `the condition ${operator} of ${key}`,
      held: holds(operator, patterns, access.context?.[key]),
    })),
  );
  if (inConditions.some(({ held }) => held === false)) return undefined;
  return [
    ...(doubt === undefined ? [] : [doubt]),
    ...(resources.length === 0 || resources.some((pattern) => matchesWildcard(pattern, access.resource))
      ? []
      : ["a policy variable in its resource"]),
    ...inConditions.filter(({ held }) => held === undefined).map((condition) => condition.doubt),
  ];
}

/**
 * A statement without resources (a trust policy) names all, and an access without principal is named by all.
 */
const names = (
  { actions, resources, principals }: Statement,
  { action, resource, principal }: Access,
): boolean =>
  actions.some((pattern) => matchesWildcard(pattern.toLowerCase(), action.toLowerCase())) &&
  (resources.length === 0 ||
    resources.some((pattern) => matchesWildcard(pattern.replaceAll(variable, "*"), resource))) &&
  (principal === undefined || principals.some((one) => one === "*" || one === principal));

/** `${aws:PrincipalTag/team}`: what stands for it is not known here. */
const variable = /\$\{[^}]*\}/g;

const equalsIgnoringCase = (pattern: string, value: string): boolean =>
  pattern.toLowerCase() === value.toLowerCase();

/**
 * The condition operators that policies for API Gateway and Lambda use; any other one cannot be evaluated.
 */
const operators: Readonly<Record<string, (pattern: string, value: string) => boolean>> = {
  arnlike: arnLike,
  arnequals: arnLike,
  stringlike: matchesWildcard,
  stringequals: (pattern, value) => pattern === value,
  stringequalsignorecase: equalsIgnoringCase,
  bool: equalsIgnoringCase,
};

/** Whether one condition holds; undefined where it cannot be evaluated. */
function holds(
  operator: string,
  patterns: readonly string[],
  value: string | undefined,
): boolean | undefined {
  const test = operators[operator.replace(/^(arn|string)not/, "$1")];
  if (value === undefined || test === undefined || patterns.some((pattern) => pattern.search(variable) >= 0))
    return undefined;
  return patterns.some((pattern) => test(pattern, value)) !== /^(arn|string)not/.test(operator);
}
