import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import * as v from "valibot";
import { closest } from "./closest.ts";
import type { ErrorCode } from "../errors/codes.ts";
import { CliError } from "../errors/error.ts";
import { settingNames, settingTable, displayValue, type SettingName } from "../settings/table.ts";

const CONFIG_FILE = "shelfshack-ws.config.json";

/** The config file in `folder` or the nearest folder above it that has one. */
export function findConfigFile(folder: string): string | undefined {
  const file = join(folder, CONFIG_FILE);
  if (statSync(file, { throwIfNoEntry: false })?.isFile()) return file;
  const above = dirname(folder);
  return above === folder ? undefined : findConfigFile(above);
}

/**
 * The values that a config file holds. It is JSON and never executed (FAULTS.md C-07). Throws a CliError
 * (exit 2) with the file, the path of the key, and what is expected.
 */
export function readConfigFile(file: string): Map<SettingName, unknown> {
  const json = parsed(file, contents(file));
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw refused("config-invalid", file, "expected a JSON object");
  // An editor finds the file's JSON schema by this key.
  return new Map(
    Object.entries(json)
      .filter(([key]) => key !== "$schema")
      .map(([key, value]) => [settingOf(file, key), value] as const)
      .map(([name, value]) => [name, acceptedValue(file, name, value)]),
  );
}

function contents(file: string): string {
  try {
    return readFileSync(file, "utf8").replace(/^\ufeff/, "");
  } catch (error) {
    throw new CliError(
      "config-unreadable",
      `the config file ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`,
      {
        hint: "check --config or SHELFSHACK_CONFIG",
        cause: error,
      },
    );
  }
}

function parsed(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refused("config-invalid", file, `expected JSON: ${(error as Error).message}`, error);
  }
}

const keyed = new Map(
  settingNames.flatMap((name) =>
    settingTable[name].key === undefined ? [] : [[settingTable[name].key, name]],
  ),
);

function settingOf(file: string, key: string): SettingName {
  const name = keyed.get(key);
  if (name) return name;
  const forbidden = settingNames.find((candidate) => candidate === key);
  if (forbidden)
    throw refused(
      "config-key-forbidden",
      file,
      `${JSON.stringify(key)} cannot be set in a config file, only as an option or a variable`,
    );
  const meant = closest(key, [...keyed.keys()]);
  const known = `; known are ${[...keyed.keys()].join(", ")}`;
  throw refused(
    "config-key-unknown",
    file,
    `unknown key ${JSON.stringify(key)}${meant ? `, did you mean ${JSON.stringify(meant)}?` : known}`,
  );
}

function acceptedValue(file: string, name: SettingName, value: unknown): unknown {
  const { type, key = name } = settingTable[name];
  const { success, output, issues } = v.safeParse(type.schema, value);
  if (success) return output;
  const [issue] = issues;
  const path = [key, ...(issue.path ?? []).map((step) => String(step.key))].join(".");
  throw refused(
    "config-invalid",
    file,
    `${path} is ${displayValue(settingTable[name], value)}: ${issue.message}`,
  );
}

function refused(code: ErrorCode, file: string, fault: string, cause?: unknown): CliError {
  return new CliError(code, `${file}: ${fault}`, { cause });
}
