import { readFileSync } from "node:fs";
import { Ajv, type ValidateFunction } from "ajv";
import { commandNames, type CommandName } from "../../src/settings/commands.ts";
import { jsonIn } from "../../src/contract/json.ts";

export type Document = Record<string, unknown>;

/** What of a JSON schema ours have. */
export interface Schema {
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
export function schemaOf(name: CommandName): Schema {
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
