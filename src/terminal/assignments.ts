import { CliError } from "../errors/error.ts";

/** What needs no quotes in a shell, in a dotenv file of any dialect and in docker's `--env-file`. */
const plain = /^[A-Za-z0-9+/=_,:.@%-]*$/;
/** What ends a line somewhere, or is no character at all. */
const breaking = /[\p{Cc}\p{Cs}\u2028\u2029]/u;

/** Whether a value is the same to everyone who reads lines of variables. */
export const isPlain = (value: string): boolean => plain.test(value);

/**
 * `NAME=value` for a shell and for dotenv files. Their quotes differ (docker's file has none), so a value
 * that would need some is refused. Throws a CliError without the value.
 */
export function variableLine(name: string, value: string): string {
  if (!isPlain(value)) throw unprintable(name, "a variable of a shell");
  return `${name}=${value}`;
}

/** In single quotes every dialect takes these as they are. */
const quotable = /^[^'\\$`\p{Cc}\p{Cs}\u2028\u2029]*$/u;

/**
 * `NAME=value` for a dotenv file, quoted where that is needed. What its dialects read differently (an
 * apostrophe, a backslash, `$`) is refused. Throws as `variableLine` does.
 */
export function dotenvLine(name: string, value: string): string {
  if (isPlain(value)) return `${name}=${value}`;
  if (!quotable.test(value)) throw unprintable(name, "a line of a dotenv file");
  return `${name}='${value}'`;
}

/**
 * `NAME=value` for the file `$GITHUB_OUTPUT`, which takes all that is one line. Throws as `variableLine`
 * does.
 */
export function githubLine(name: string, value: string): string {
  if (breaking.test(value)) throw unprintable(name, "an output of a step");
  return `${name}=${value}`;
}

/**
 * `name = "value"` as HCL reads it: nothing in it is a template, and what is not printable ASCII is an
 * escape. Throws as `variableLine` does, for what is no text.
 */
export function terraformLine(name: string, value: string): string {
  if (/\p{Cs}/u.test(value)) throw unprintable(name, "a variable of Terraform");
  return `${name} = "${hclText(value)}"`;
}

/** What stands between quotes in HCL for a text. */
export const hclText = (value: string): string =>
  value
    .replaceAll(/["\\]/g, "\\$&")
    .replaceAll(/[$%](?=\{)/g, "$&$&")
    .replaceAll(/[^\x20-\x7e]/gu, hclEscape);

function hclEscape(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16);
  return code.length > 4 ? `\\U${code.padStart(8, "0")}` : `\\u${code.padStart(4, "0")}`;
}

const unprintable = (name: string, form: string): CliError =>
  new CliError("value-unprintable", `the value of ${name} cannot be written as ${form}`, {
    hint: "correct it at AWS; it is shown with --json",
  });
