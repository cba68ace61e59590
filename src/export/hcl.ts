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

/** A block with its labels, such as `resource "aws_iam_role" "role"`. */
export const block = (head: string, members: Readonly<Record<string, unknown>>, words: Words): string =>
  `${head} {\n${lines(members, words, "  ")}}\n`;

const lines = (members: Readonly<Record<string, unknown>>, words: Words, indent: string): string =>
  Object.entries(members)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) =>
      value instanceof Block
        ? `${indent}${name} {\n${lines(value.members, words, `${indent}  `)}${indent}}\n`
        : `${indent}${name} = ${expression(value, words, indent)}\n`,
    )
    .join("");

function expression(value: unknown, words: Words, indent: string): string {
  if (value instanceof Expression) return value.text;
  if (value instanceof Secret) return words.variable(value);
  if (value instanceof Json) return `jsonencode(${expression(value.value, words, indent)})`;
  if (typeof value === "string") return text(value, words);
  if (Array.isArray(value)) return `[${value.map((item) => expression(item, words, indent)).join(", ")}]`;
  if (typeof value === "object" && value !== null) return map(value, words, indent);
  return String(value);
}

function map(value: object, words: Words, indent: string): string {
  const inner = `${indent}  `;
  const members = Object.entries(value).map(
    ([key, member]) => `${inner}"${hclText(key)}" = ${expression(member, words, inner)}\n`,
  );
  return members.length === 0 ? "{}" : `{\n${members.join("")}${indent}}`;
}

/** One reference alone is an expression, beside text it is a template's. */
function text(value: string, { reference }: Words): string {
  const parts = partsOf(value);
  const [first] = parts;
  if (parts.length === 1 && first !== undefined && typeof first !== "string") return reference(first);
  const written = parts.map((part) => (typeof part === "string" ? hclText(part) : `\${${reference(part)}}`));
  return `"${written.join("")}"`;
}
