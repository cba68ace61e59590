import { AwsError } from "../aws-error.ts";
import type { Shape } from "./schema.ts";

const number = /^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i;

/**
 * Reads a text out of a form body, a query string, a header or a path as the SDK would hold it. Throws an
 * AwsError of the given name for what is no number or no boolean (AWS.md 8.6).
 */
export function fromText(shape: Shape, text: string, errorName: string): string | number | boolean {
  if (shape.isNumericSchema()) return number.test(text) ? Number(text) : refuse(errorName, "an Integer");
  if (!shape.isBooleanSchema()) return text;
  return text === "true" || (text === "false" ? false : refuse(errorName, "a Boolean"));
}

function refuse(errorName: string, kind: string): never {
  throw new AwsError(errorName, `STRING_VALUE can not be converted to ${kind}`);
}
