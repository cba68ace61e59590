import { AwsError } from "../aws-error.ts";
import { membersOf, type Shape } from "./schema.ts";

/** The name of a member in a JSON body. */
export const jsonName = (name: string, member: Shape): string => member.getMergedTraits().jsonName ?? name;

/**
 * Reads a JSON value as the SDK would hold it: blobs as bytes, timestamps as dates. Throws
 * SerializationException on a wrong type (AWS.md 8.6).
 */
export function fromJson(shape: Shape, value: unknown): unknown {
  if (value === null || value === undefined) return undefined;
  if (shape.isStructSchema()) return structFromJson(shape, recordOf(value));
  if (shape.isListSchema()) return listOf(value).map((item) => fromJson(shape.getValueSchema(), item));
  if (shape.isMapSchema())
    return mapEntries(recordOf(value), (item) => fromJson(shape.getValueSchema(), item));
  return scalarFromJson(shape, value);
}

function structFromJson(shape: Shape, record: Record<string, unknown>): Record<string, unknown> {
  const read = membersOf(shape).map(
    ([name, member]) => [name, fromJson(member, record[jsonName(name, member)])] as const,
  );
  return Object.fromEntries(read.filter(([, value]) => value !== undefined));
}

function scalarFromJson(shape: Shape, value: unknown): unknown {
  if (shape.isBlobSchema()) return Buffer.from(expected("string", value), "base64");
  if (shape.isTimestampSchema())
    return typeof value === "number" ? new Date(value * 1000) : dateOf(expected("string", value));
  if (shape.isStringSchema()) return expected("string", value);
  if (shape.isNumericSchema()) return expected("number", value);
  if (shape.isBooleanSchema()) return expected("boolean", value);
  return value;
}

interface Scalars {
  string: string;
  number: number;
  boolean: boolean;
}

/** The scalar kinds as AWS's refusals name them. */
const kinds = { string: "a String", number: "an Integer", boolean: "a Boolean" };

function expected<Kind extends keyof Scalars>(kind: Kind, value: unknown): Scalars[Kind] {
  if (typeof value === kind) return value as Scalars[Kind];
  if (typeof value === "object") throw unexpectedStart(value);
  const token = typeof value === "boolean" ? String(value) : typeof value;
  throw wrongType(`${token.toUpperCase()}_VALUE can not be converted to ${kinds[kind]}`);
}

function dateOf(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw wrongType("STRING_VALUE can not be converted to a Timestamp");
  return date;
}

function recordOf(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null) throw wrongType("Expected null");
  if (Array.isArray(value)) throw unexpectedStart(value);
  return value as Record<string, unknown>;
}

function listOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  throw typeof value === "object" ? unexpectedStart(value) : wrongType("Expected list or null");
}

const unexpectedStart = (value: unknown): AwsError =>
  wrongType(
    Array.isArray(value)
      ? "Start of list found where not expected"
      : "Start of structure or map found where not expected.",
  );

const wrongType = (message: string): AwsError => new AwsError("SerializationException", message);

/** A body as the object that it must hold; an empty one holds nothing. */
export function parsedBody(body: Buffer): Record<string, unknown> {
  return recordOf(parsed(body.toString() || "{}") ?? {});
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AwsError("SerializationException", `the request is not JSON: ${(cause as Error).message}`);
  }
}

const mapEntries = (record: Record<string, unknown>, change: (value: unknown) => unknown) =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));

/**
 * The JSON value of what an operation answers; the mirror of {@link fromJson}. Members that the model does
 * not know are left out.
 */
export function toJson(shape: Shape, value: unknown): unknown {
  if (value === null || value === undefined) return value;
  if (shape.isStructSchema()) return structToJson(shape, value as Record<string, unknown>);
  if (shape.isListSchema()) return (value as unknown[]).map((item) => toJson(shape.getValueSchema(), item));
  if (shape.isMapSchema())
    return mapEntries(value as Record<string, unknown>, (item) => toJson(shape.getValueSchema(), item));
  if (shape.isBlobSchema()) return Buffer.from(value as Uint8Array).toString("base64");
  if (shape.isTimestampSchema()) return timestampToJson(shape, value as Date);
  return value;
}

function structToJson(shape: Shape, record: Record<string, unknown>): Record<string, unknown> {
  const written = membersOf(shape).map(
    ([name, member]) => [jsonName(name, member), toJson(member, record[name])] as const,
  );
  return Object.fromEntries(written.filter(([, value]) => value !== undefined));
}

/** The number by which a schema says that a timestamp is ISO 8601 text. */
const dateTime = 5;

/** Seconds, unless the model asks for text, which AWS writes without fractions (AWS.md 3.1, 8.3). */
const timestampToJson = (shape: Shape, date: Date): string | number =>
  shape.getSchema() === dateTime ? isoSeconds(date) : date.getTime() / 1000;

/** `2026-11-23T15:00:00Z` */
export const isoSeconds = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, "Z");
