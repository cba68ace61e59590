import { hclText } from "../terminal/assignments.ts";
import { Secret } from "./model.ts";
import { partsOf, type Reference } from "./reference.ts";

/** An expression as it is. */
export class Expression {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A nested block, which has no `=`. */
export class Block {
  readonly members: Readonly<Record<string, unknown>>;
  constructor(members: Readonly<Record<string, unknown>>) {
    this.members = members;
  }
}

/** A value that is given as JSON, such as a policy. */
export class Json {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

/** How a reference, and a variable, are written. */
export interface Words {
  reference(reference: Reference): string;
  variable(secret: Secret): string;
}

/** The longest list that stands on its line. */
const LONGEST_LIST = 90;

/** A block with its labels, such as `resource "aws_iam_role" "role"`, formatted as `terraform fmt` does. */
export const block = (head: string, members: Readonly<Record<string, unknown>>, words: Words): string =>
  `${head} {\n${lines(members, words, "  ")}}\n`;

function lines(members: Readonly<Record<string, unknown>>, words: Words, indent: string): string {
  const written = Object.entries(members)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) =>
      value instanceof Block
        ? `${indent}${name} {\n${lines(value.members, words, `${indent}  `)}${indent}}\n`
        : { left: `${indent}${name}`, right: expression(value, words, indent) },
    );
  return aligned(written);
}

interface Argument {
  left: string;
  right: string;
}

const isShort = ({ right }: Argument): boolean => !right.includes("\n");
const assigned = ({ left, right }: Argument): string => `${left} = ${right}\n`;

/**
 * Arguments, or members of a map, with their `=` one below the other as far as nothing of several lines is
 * between; a nested block is a text.
 */
function aligned(written: readonly (Argument | string)[]): string {
  const parts: string[] = [];
  let run: Argument[] = [];
  const endRun = () => {
    const width = Math.max(...run.map(({ left }) => left.length));
    parts.push(...run.map(({ left, right }) => assigned({ left: left.padEnd(width), right })));
    run = [];
  };
  for (const line of written) {
    if (typeof line !== "string" && isShort(line)) {
      run.push(line);
      continue;
    }
    endRun();
    parts.push(typeof line === "string" ? line : assigned(line));
  }
  endRun();
  return parts.join("");
}

function expression(value: unknown, words: Words, indent: string): string {
  if (value instanceof Expression) return value.text;
  if (value instanceof Secret) return words.variable(value);
  if (value instanceof Json) return `jsonencode(${expression(value.value, words, indent)})`;
  if (typeof value === "string") return text(value, words);
  if (Array.isArray(value)) return list(value, words, indent);
  if (typeof value === "object" && value !== null) return map(value, words, indent);
  return String(value);
}

function list(values: readonly unknown[], words: Words, indent: string): string {
  const inner = `${indent}  `;
  const items = values.map((item) => expression(item, words, inner));
  const line = `[${items.join(", ")}]`;
  if (line.length <= LONGEST_LIST && !line.includes("\n")) return line;
  return `[\n${items.map((item) => `${inner}${item},\n`).join("")}${indent}]`;
}

function map(value: object, words: Words, indent: string): string {
  const inner = `${indent}  `;
  const members = Object.entries(value).map(([key, member]) => ({
    left: `${inner}"${hclText(key)}"`,
    right: expression(member, words, inner),
  }));
  return members.length === 0 ? "{}" : `{\n${aligned(members)}${indent}}`;
}

/** One reference alone is an expression, beside text it is a template's. */
function text(value: string, { reference }: Words): string {
  const parts = partsOf(value);
  const [first] = parts;
  if (parts.length === 1 && first !== undefined && typeof first !== "string") return reference(first);
  const written = parts.map((part) => (typeof part === "string" ? hclText(part) : `\${${reference(part)}}`));
  return `"${written.join("")}"`;
}
