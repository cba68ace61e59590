import { createHash } from "node:crypto";
import type { FunctionConfiguration } from "@aws-sdk/client-lambda";
import type { Variables } from "./variables.ts";

/** The settings that a version has a copy of, beside the variables (AWS.md 4.6). */
const settings = [
  "CodeSha256",
  "Runtime",
  "Handler",
  "Role",
  "Timeout",
  "MemorySize",
  "Architectures",
  "KMSKeyArn",
  "VpcConfig",
  "DeadLetterConfig",
  "TracingConfig",
  "Layers",
  "FileSystemConfigs",
  "EphemeralStorage",
  "LoggingConfig",
  "ImageConfigResponse",
] as const;

type Settings = Readonly<Record<string, unknown>>;
type Parts = Readonly<Record<string, string>>;

const VARIABLE = "Environment.";

/**
 * All that a version has a copy of, as text: each part with a hash of its value, so that two of them are
 * equal exactly when their versions run the same, and what differs can be named.
 */
export const contentOf = (found: FunctionConfiguration): string =>
  textOf({ ...settingParts({ ...found }), ...variableParts(found.Environment?.Variables ?? {}) });

/** The content after these settings and variables are written over another one's. */
export function contentWith(content: string, changed: Settings, variables: Variables): string {
  const others = Object.entries(partsIn(content)).filter(([name]) => !name.startsWith(VARIABLE));
  return textOf({ ...Object.fromEntries(others), ...settingParts(changed), ...variableParts(variables) });
}

/** The names of what differs: `code`, settings, variables. */
export function changedBetween(one: string, other: string): string[] {
  const [before, after] = [partsIn(one), partsIn(other)];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((name) => before[name] !== after[name])
    .map((name) => (name === "CodeSha256" ? "code" : name.replace(VARIABLE, "")))
    .toSorted();
}

/** A content for people. */
export const shortContent = (content: string): string => hash(content).slice(0, 8);

const settingParts = (found: Settings): Parts =>
  Object.fromEntries(settings.flatMap((name) => (isEmpty(found[name]) ? [] : [[name, hash(found[name])]])));

const variableParts = (variables: Variables): Parts =>
  Object.fromEntries(Object.entries(variables).map(([name, value]) => [VARIABLE + name, hash(value)]));

/** What one answer leaves out and another one gives without anything in it, or switched off. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === false) return true;
  return typeof value === "object" && Object.values(value).every(isEmpty);
}

const hash = (value: unknown): string =>
  createHash("sha256")
    .update(JSON.stringify(ordered(value)))
    .digest("hex")
    .slice(0, 16);

/** What AWS adds to what it was given. */
const added = new Set(["VpcId", "SystemLogLevel"]);

/** Without what is empty or added, its members and lists of ids in alphabetical order. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value))
    return value.every((one) => typeof one === "string") ? value.toSorted() : value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([name, member]) => !isEmpty(member) && !added.has(name));
  return Object.fromEntries(members.toSorted(byName).map(([name, member]) => [name, ordered(member)]));
}

const byName = ([one]: [string, unknown], [other]: [string, unknown]): number => (one < other ? -1 : 1);

const textOf = (parts: Parts): string =>
  JSON.stringify(Object.fromEntries(Object.entries(parts).toSorted(byName)));
const partsIn = (content: string): Parts => JSON.parse(content) as Parts;
