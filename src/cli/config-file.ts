import { dirname, resolve } from "node:path";
import * as v from "valibot";
import { jsonIn } from "../contract/json.ts";
import { closest } from "../errors/closest.ts";
import type { ErrorCode } from "../errors/codes.ts";
import { CliError } from "../errors/error.ts";
import { findAbove, readTrusted } from "../files/read.ts";
import { shorten } from "../settings/redact.ts";
import { ENVIRONMENTS } from "../settings/schema.ts";
import {
  environmentName,
  settingNames,
  settingTable,
  displayValue,
  type SettingName,
} from "../settings/table.ts";

export const CONFIG_FILE = "shelfshack-ws.config.json";

/** No config is larger, and what is named by mistake may be. */
const MOST_BYTES = 1024 * 1024;

/** The config file in `folder` or the nearest folder above it that has one. */
export const findConfigFile = (folder: string): string | undefined => findAbove(folder, CONFIG_FILE);

/** What a config file sets. */
export interface Configured {
  /** For every environment. */
  values: ReadonlyMap<SettingName, unknown>;
  /** What each environment itself sets instead; undefined where the file names none. */
  environments?: ReadonlyMap<string, ReadonlyMap<SettingName, unknown>>;
}

/**
 * The values that a config file holds. It is JSON and never executed (FAULTS.md C-07). Throws a CliError
 * (exit 2) with the file, the path of the key, and what is expected; also for a file that others could have
 * written.
 */
export function readConfigFile(file: string): Configured {
  const json = asObject(file, "", parsed(file, contents(file)));
  // An editor finds the file's JSON schema by the first of these keys.
  const { $schema: _schema, [ENVIRONMENTS]: environments, ...settings } = json;
  const values = valuesOf(file, settings, []);
  if (environments === undefined) return { values };
  const named = Object.entries(asObject(file, `${ENVIRONMENTS}: `, environments));
  return {
    values,
    environments: new Map(named.map(([name, own]) => [name, environmentOf(file, name, own)])),
  };
}

/**
 * The names of the environments in a config file, for a shell that completes a line: fast, and without a word
 * about what is wrong in the file, where there are none then.
 */
export function environmentNamesIn(file: string): string[] {
  const reading = readTrusted(file, MOST_BYTES);
  const json = "bytes" in reading ? jsonIn(textOf(reading.bytes)) : undefined;
  const environments = asRecord(asRecord(json)?.[ENVIRONMENTS]) ?? {};
  return Object.keys(environments).filter((name) => v.is(environmentName.schema, name));
}

/** The settings of one environment, without what it inherits. */
function environmentOf(file: string, name: string, json: unknown): Map<SettingName, unknown> {
  const path = [ENVIRONMENTS, printable(name)];
  const [issue] = v.safeParse(environmentName.schema, name).issues ?? [];
  if (issue) throw refused("config-invalid", file, `${path.join(".")}: ${issue.message}`);
  const own = valuesOf(file, asObject(file, `${path.join(".")}: `, json), path);
  if (own.has("env")) throw refused("config-key-forbidden", file, `${path.join(".")} cannot set "env"`);
  return own;
}

function asObject(file: string, path: string, json: unknown): Readonly<Record<string, unknown>> {
  const record = asRecord(json);
  if (record) return record;
  throw refused("config-invalid", file, `${path}expected a JSON object`);
}

const asRecord = (json: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof json === "object" && json !== null && !Array.isArray(json)
    ? (json as Readonly<Record<string, unknown>>)
    : undefined;

const valuesOf = (file: string, json: Readonly<Record<string, unknown>>, path: readonly string[]) =>
  new Map(
    Object.entries(json)
      .map(([key, value]) => [settingOf(file, key, path), value] as const)
      .map(([name, value]) => [name, acceptedValue(file, name, value, path)]),
  );

function contents(file: string): string {
  const reading = readTrusted(file, MOST_BYTES);
  if ("bytes" in reading) return textOf(reading.bytes);
  if (reading.because === "untrusted")
    throw new CliError("config-untrusted", `the config file ${file} is not read: ${reading.fault}`, {
      hint: "make it your own and writable for you alone (chown, chmod go-w), or remove it",
    });
  throw new CliError("config-unreadable", `the config file ${file} cannot be read: ${reading.fault}`, {
    hint: "check --config or SHELFSHACK_CONFIG",
  });
}

const textOf = (bytes: Buffer): string => bytes.toString("utf8").replace(/^\ufeff/, "");

/**
 * Node's own words quote what is in the file, which may be another one than was meant: a place says enough.
 */
function parsed(file: string, text: string): unknown {
  const json = jsonIn(text);
  if (json !== undefined) return json;
  const before = text.slice(0, faultIn(text)).split("\n");
  throw refused(
    "config-invalid",
    file,
    `expected JSON; it is none at line ${before.length}, column ${(before.at(-1) ?? "").length + 1}`,
  );
}

/** Where a text stops to be the beginning of some JSON. */
function faultIn(text: string): number {
  let [good, bad] = [0, text.length + 1];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (beginsJson(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  return good;
}

/** Whether more could make JSON of a text: then the parser's complaint is about its end. */
function beginsJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const { message } = error as Error;
    const at = /at position (\d+)( \(line \d+ column \d+\))?$/.exec(message)?.[1];
    return message === "Unexpected end of JSON input" || Number(at) === text.length;
  }
}

const keyed = new Map(
  settingNames.flatMap((name) =>
    settingTable[name].key === undefined ? [] : [[settingTable[name].key, name]],
  ),
);

function settingOf(file: string, key: string, path: readonly string[]): SettingName {
  const name = keyed.get(key);
  if (name) return name;
  const forbidden = settingNames.find((candidate) => candidate === key);
  if (forbidden)
    throw refused(
      "config-key-forbidden",
      file,
      `"${printable(key)}" cannot be set in a config file, only as an option or a variable`,
    );
  const keys = [...keyed.keys(), ...(path.length === 0 ? [ENVIRONMENTS] : [])];
  const meant = closest(key, keys);
  const known = `; known are ${keys.join(", ")}`;
  const where = path.length === 0 ? "" : ` in ${path.join(".")}`;
  throw refused(
    "config-key-unknown",
    file,
    `unknown key "${printable(key)}"${where}${meant ? `, did you mean ${JSON.stringify(meant)}?` : known}`,
  );
}

function acceptedValue(file: string, name: SettingName, value: unknown, above: readonly string[]): unknown {
  const { type, key = name, path: isPath } = settingTable[name];
  const { success, output, issues } = v.safeParse(type.schema, value);
  if (success) return isPath ? resolve(dirname(file), String(output)) : output;
  const [issue] = issues;
  const path = [...above, key, ...(issue.path ?? []).map((step) => printable(String(step.key)))].join(".");
  throw refused(
    "config-invalid",
    file,
    `${path} is ${displayValue(settingTable[name], value)}: ${issue.message}`,
  );
}

/** A key as a part of a line. */
const printable = (key: string): string => JSON.stringify(shorten(key)).slice(1, -1);

function refused(code: ErrorCode, file: string, fault: string): CliError {
  return new CliError(code, `${file}: ${fault}`);
}
