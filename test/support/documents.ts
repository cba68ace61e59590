import { readFileSync } from "node:fs";
import { Ajv, type ValidateFunction } from "ajv";
import { commandNames, type CommandName } from "../../src/settings/commands.ts";
import { jsonIn } from "../../src/contract/json.ts";

export type Document = Record<string, unknown>;

/** What of a JSON schema ours have. */
interface Schema {
  const?: unknown;
  type?: string;
  anyOf?: readonly Schema[];
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  items?: Schema | readonly Schema[];
}

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
const validators = new Map<CommandName, ValidateFunction>();

/** The schema that the package has for the JSON of a command; an unknown one prints errors alone. */
function schemaOf(name: CommandName): Schema {
  const file = new URL(`../../dist/schemas/${name.replace(" ", "-")}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")) as Schema;
}

function validatorOf(name: CommandName): ValidateFunction {
  const known = validators.get(name) ?? ajv.compile(schemaOf(name));
  validators.set(name, known);
  return known;
}

/** The documents in an output: one over several lines, or one a line. What was cut is left out. */
export function documentsIn(stdout: string): Document[] {
  const texts = stdout.trimStart().startsWith("{\n") ? [stdout] : stdout.split("\n");
  return texts
    .map(jsonIn)
    .filter((document) => typeof document === "object" && document !== null) as Document[];
}

/** The command that these arguments call; options may stand before it. */
const commandIn = (args: readonly string[]): CommandName | undefined =>
  args
    .map((_word, at) =>
      commandNames.find((name) => name === args.slice(at, at + name.split(" ").length).join(" ")),
    )
    .find((name) => name !== undefined);

/** What in the JSON that a run printed is not as the schema of its command says; empty where it all is. */
export function unlikeSchema(args: readonly string[], stdout: string): string[] {
  if (!args.includes("--json")) return [];
  const name = commandIn(args);
  const validate = validatorOf(name ?? "init");
  return documentsIn(stdout).flatMap((document) =>
    validate(document) ? [] : [`${name}: ${ajv.errorsText(validate.errors)}: ${JSON.stringify(document)}`],
  );
}

/** What of a command's documents none of these has: `a.b`, and `a[].b` for the members of a list. */
export const unseenIn = (name: CommandName, documents: readonly Document[]): string[] =>
  unseen(schemaOf(name), documents).filter((path) => path !== "error");

/** What of a schema no value has. */
function unseen(schema: Schema, values: readonly unknown[], path = ""): string[] {
  const present = values.filter((value) => value !== undefined && value !== null);
  if (present.length === 0) return schema.type === "null" ? [] : [path];
  if (schema.anyOf) return schema.anyOf.flatMap((form) => unseenOfForm(form, present, path));
  const { items, properties = {} } = schema;
  if (isSchema(items)) return unseen(items, present.flat(), `${path}[]`);
  return Object.entries(properties).flatMap(([key, member]) =>
    unseen(
      member,
      present.map((value) => (value as Document)[key]),
      path === "" ? key : `${path}.${key}`,
    ),
  );
}

/** Of an object or list that is one form of several: which one a value has is decided by its literals. */
function unseenOfForm(form: Schema, values: readonly unknown[], path: string): string[] {
  const { type, properties = {}, required = [] } = form;
  if (type !== "object" && type !== "array") return [];
  const literals = Object.entries(properties).filter(
    ([key, member]) => member.const !== undefined && required.includes(key),
  );
  const own = values.filter(
    (value) =>
      Array.isArray(value) === (type === "array") &&
      literals.every(([key, member]) => (value as Document)[key] === member.const),
  );
  const words = literals.flatMap(([key, member]) => (key === "schemaVersion" ? [] : [String(member.const)]));
  const isForm = path === "" || (own.length === 0 && words.length > 0);
  return unseen(form, own, isForm ? `${path}${words.join("-")}` : path);
}

const isSchema = (items: Schema["items"]): items is Schema => items !== undefined && !Array.isArray(items);
