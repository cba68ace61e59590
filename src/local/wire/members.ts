import { notEmulated } from "../aws-error.ts";
import { membersOf, type Shape } from "./schema.ts";

/** The operation acts on the member, with all that is in it. */
export const all = Symbol("all");

/** The member is stored and answered as AWS does, and has no further effect. */
export const kept = Symbol("kept");

/** AWS ignores the member, and so does the operation. */
export const ignored = Symbol("ignored");

const values = Symbol("only");

/** See {@link only}. */
export interface Only<Value> {
  readonly [values]: readonly Value[];
}

/** These values ask for nothing that is not emulated; every other value is refused. */
export const only = <const Value>(...allowed: readonly Value[]): Only<Value> => ({ [values]: allowed });

/** What lists and maps hold; other values are their own item. */
type ItemOf<Value> = Value extends readonly (infer Item)[]
  ? Item
  : Value extends object
    ? string extends keyof Value
      ? Value[string & keyof Value]
      : Value
    : Value;

type Item<Value> = NonNullable<ItemOf<NonNullable<Value>>>;

/** What an operation says about one member; about a list or a map it speaks of each item. */
type Declaration<Value> =
  | typeof all
  | typeof kept
  | typeof ignored
  | (Item<Value> extends object ? Members<Item<Value>> : Only<Item<Value>>);

/** The members of an input that an operation emulates; every other one is refused by name. */
export type Members<Input> = { readonly [Name in keyof Input]?: Declaration<Input[Name]> };

/** Makes a declaration of a member that the input does not have a type error, at every depth. */
export type NoOthers<Declared, Input> = {
  readonly [Name in keyof Declared]: Name extends keyof Input
    ? Declared[Name] extends symbol | Only<unknown>
      ? Declared[Name]
      : NoOthers<Declared[Name], Item<Input[Name]>>
    : never;
};

/** The part of an input that the operation declares: reading another member does not compile. */
export type Declared<Input, Given> = {
  [Name in keyof Input as Name extends keyof Given ? Name : never]: Name extends keyof Given
    ? Part<Input[Name], Given[Name]>
    : never;
};

type Part<Value, Declaration> = Declaration extends symbol | Only<unknown>
  ? Value
  : Value extends readonly (infer Item)[]
    ? Part<Item, Declaration>[]
    : Value extends object
      ? string extends keyof Value
        ? Record<string, Part<Value[string & keyof Value], Declaration>>
        : Declared<Value, Declaration>
      : Value;

/** {@link Members} of any operation, as they are walked. */
interface AnyMembers {
  readonly [name: string]: AnyDeclaration | undefined;
}
type AnyDeclaration = symbol | Only<unknown> | AnyMembers;

const isOnly = (declaration: AnyDeclaration): declaration is Only<unknown> =>
  typeof declaration === "object" && values in declaration;

/**
 * The declared members of an operation's input. Throws NotImplementedException for the first member that is
 * given and not declared, by its path: `PermissionsBoundary of CreateRole is not emulated`. What is empty
 * (`""`, `[]`, `{}`, also nested) asks for nothing and is left out.
 */
export function declaredMembers(
  { name, input: shape }: { name: string; input: Shape },
  members: object,
  input: Record<string, unknown>,
): Record<string, unknown> {
  const refuse = (path: string): never => {
    throw notEmulated(`${path} of ${name}`);
  };
  return structure(shape, members as AnyMembers, { value: input, path: "", refuse });
}

interface Walk {
  value: unknown;
  /** Names joined by dots; items of lists and maps have no name of their own. */
  path: string;
  refuse(path: string): never;
}

function structure(
  shape: Shape,
  members: AnyMembers,
  { value, path, refuse }: Walk,
): Record<string, unknown> {
  const given = value as Record<string, unknown>;
  const parts = membersOf(shape).flatMap(([name, member]): [string, unknown][] => {
    const declaration = Object.hasOwn(members, name) ? members[name] : undefined;
    const here = path ? `${path}.${name}` : name;
    if (declaration) {
      if (given[name] === undefined) return [];
      return [[name, declaredPart(member, declaration, { value: given[name], path: here, refuse })]];
    }
    return isEmpty(given[name]) ? [] : refuse(here);
  });
  return Object.fromEntries(parts);
}

function declaredPart(shape: Shape, declaration: AnyDeclaration, walk: Walk): unknown {
  const { value, path, refuse } = walk;
  if (typeof declaration === "symbol" || value === undefined) return value;
  const item = (each: unknown) => declaredPart(shape.getValueSchema(), declaration, { ...walk, value: each });
  if (shape.isListSchema()) return (value as unknown[]).map(item);
  if (shape.isMapSchema())
    return Object.fromEntries(Object.entries(value as object).map(([key, each]) => [key, item(each)]));
  if (!isOnly(declaration)) return structure(shape, declaration, walk);
  return declaration[values].includes(value) || isEmpty(value) ? value : refuse(`${path} ${quoted(value)}`);
}

const quoted = (value: unknown): string => (typeof value === "string" ? `'${value}'` : JSON.stringify(value));

/** Whether a value asks for nothing. */
function isEmpty(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.length === 0;
  if (typeof value !== "object" || value === null || value instanceof Date)
    return value === undefined || value === "";
  return Object.values(value).every(isEmpty);
}

/** What declared members say, member by member with its path: for a page about what is emulated. */
export function describeMembers(members: object, path = ""): { acts: string[]; keeps: string[] } {
  const acts: string[] = [];
  const keeps: string[] = [];
  for (const [name, declaration] of Object.entries(members as AnyMembers)) {
    if (declaration === undefined) continue;
    const member = `${path}${name}`;
    if (typeof declaration === "symbol") (declaration === all ? acts : keeps).push(member);
    else if (isOnly(declaration))
      keeps.push(`${member} (${declaration[values].map(String).join(", ")} only)`);
    else {
      const inner = describeMembers(declaration, `${member}.`);
      acts.push(...inner.acts);
      keeps.push(...inner.keeps);
    }
  }
  return { acts, keeps };
}
