import { AwsError } from "../aws-error.ts";
import { membersOf, type Shape } from "./schema.ts";

/** The name of a member in a JSON body. */
export const jsonName = (name: string, member: Shape): string => member.getMergedTraits().jsonName ?? name;

/**
 * Reads a JSON value as the SDK would hold it: blobs as bytes, timestamps as dates. Throws
 * SerializationException on a wrong type.
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
    return typeof value === "number" ? new Date(value * 1000) : new Date(expected("string", value));
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

function expected<Kind extends keyof Scalars>(kind: Kind, value: unknown): Scalars[Kind] {
  if (typeof value !== kind) throw wrongType(kind, value);
  return value as Scalars[Kind];
}

function recordOf(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrongType("structure", value);
  return value as Record<string, unknown>;
}

function listOf(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw wrongType("list", value);
  return value;
}

const wrongType = (kind: string, value: unknown) =>
  new AwsError("SerializationException", `${typeof value} cannot be converted to ${kind}`);

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
