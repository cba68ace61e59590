import { dirname, resolve as absolute } from "node:path";
import * as v from "valibot";
import { closest } from "../errors/closest.ts";
import { findConfigFile, readConfigFile, type Configured } from "./config-file.ts";
import { CliError } from "../errors/error.ts";
import { isFrom, leaveOut } from "./exclusive.ts";
import {
  settingNames,
  settingTable,
  displayValue,
  type Chosen,
  type Setting,
  type SettingName,
  type Settings,
} from "../settings/table.ts";
import { isCi } from "../settings/environment.ts";
import { shorten } from "../settings/redact.ts";

/**
 * What the command line gave, as commander reads it: text, several texts, or true and false for an option
 * without a value.
 */
export type Given = Partial<Record<SettingName, string | string[] | boolean>>;

/**
 * Every setting's value, and where each came from: an option, a variable, the config file's path, or
 * "default".
 */
export interface Resolved {
  settings: Settings;
  sources: Readonly<Record<SettingName, string>>;
  /** The config file that was read, if any. */
  file?: string | undefined;
  /** The region that the environment's own settings name: the only one that it may be in. */
  ownRegion?: string | undefined;
  /** The region that the config file names for this run, whatever counts, and where in it. */
  fileRegion?: { region: string; source: string } | undefined;
  /** A line for each setting that was given and does not count, as another excludes it. */
  leftOut: readonly string[];
  /** The environments that the file has. */
  environments: readonly string[];
}

interface Found {
  value: unknown;
  source: string;
}

/**
 * Resolves every setting: option, variable, config file (what it says of the environment before what it says
 * of all), default, in this order. The config file is searched in `folder` and the folders above it, unless
 * the command is to read none. Throws a CliError (exit 2) with the option, variable or key, the value, and
 * what is expected.
 */
export function resolve(
  given: Given,
  variables: Readonly<Record<string, string | undefined>>,
  folder: string,
  { readsConfig = true }: { readsConfig?: boolean } = {},
): Resolved {
  const outside = new Map(
    settingNames.map((name) => [
      name,
      fromOption(name, given[name]) ?? fromVariable(settingTable[name], variables),
    ]),
  );
  const named = outside.get("config")?.value as string | undefined;
  const file = readsConfig ? (named ?? findConfigFile(folder)) : undefined;
  const configured: Configured = file === undefined ? { values: new Map() } : readConfigFile(file);
  const inFile = layersOf(configured, outside.get("env"), file);
  const ci = { isCi: isCi(variables) };
  const settings: Partial<Record<SettingName, unknown>> = {};
  const sources: Partial<Record<SettingName, string>> = {};
  for (const name of settingNames) {
    const found =
      outside.get(name) ??
      fromFile(name, inFile) ??
      byDefault(settingTable[name], () => ({ ...(settings as Chosen), ...ci }));
    settings[name] = found.value;
    sources[name] = found.source;
  }
  const leftOut = leaveOut(settings, sources, file);
  if (settings.local) forgetAccountOf(file, settings, sources);
  return {
    settings: settings as unknown as Settings,
    sources: sources as Record<SettingName, string>,
    file,
    ownRegion: ownRegionIn(inFile),
    fileRegion: fileRegionIn(inFile),
    leftOut,
    environments: [...(configured.environments?.keys() ?? [])],
  };
}

/** A part of the config file, and how it is called. */
interface Layer {
  source: string;
  values: ReadonlyMap<SettingName, unknown>;
}

const ownRegionIn = ([first, ...others]: readonly Layer[]): string | undefined =>
  others.length > 0 ? (first?.values.get("region") as string | undefined) : undefined;

function fileRegionIn(layers: readonly Layer[]): Resolved["fileRegion"] {
  const found = fromFile("region", layers);
  return found && { region: String(found.value), source: found.source };
}

/** The account that a file names is one of AWS's; the local AWS is none of them. */
function forgetAccountOf(
  file: string | undefined,
  settings: Partial<Record<SettingName, unknown>>,
  { account = "" }: Partial<Record<SettingName, string>>,
): void {
  if (file !== undefined && isFrom(file, account)) settings.account = undefined;
}

/** What the environment's own settings say, then what is said of all. Throws for one that is not there. */
function layersOf({ values, environments }: Configured, named: Found | undefined, file = ""): Layer[] {
  const top = { source: file, values };
  const env = named ?? fromFile("env", [top]);
  if (!environments || env?.value === undefined) return [top];
  const name = env.value as string;
  const own = environments.get(name);
  if (!own) throw unknownEnvironment(env, [...environments.keys()], file);
  const source = `${file}, environments.${name}`;
  return [{ source, values: inheriting(own, values, source) }, top];
}

/** What an environment adds to that of all environments; all else stands instead. */
const added = ["variables", "tags"] as const;

function inheriting(own: Layer["values"], top: Layer["values"], source: string): Layer["values"] {
  const together = added
    .filter((name) => own.has(name))
    .map((name) => {
      const both = { ...(top.get(name) as object), ...(own.get(name) as object) };
      // What each may be alone, both together need not be.
      return [name, accepted(settingTable[name], both, `${source}, ${name}`, both)] as const;
    });
  return new Map([...own, ...together]);
}

function unknownEnvironment({ value, source }: Found, known: readonly string[], file: string): CliError {
  const meant = closest(String(value), known);
  const list = known.length > 0 ? `, which has ${shorten(known.join(", "), 400)}` : ", which has none";
  return new CliError(
    "environment-unknown",
    `${source === file ? "env" : source} is ${JSON.stringify(value)}: no such environment in ${file}${list}`,
    { hint: meant ? `did you mean ${meant}?` : `add it to "environments" in ${file}` },
  );
}

/** The option that takes an option back: `--no-strict` for `--strict`. */
export const negated = (option: string): string => option.replace(/^--/, "--no-");

/** The option's long form, for example "--backend-url". */
const optionOf = ({ flag = "" }: Setting): string => flag.split(" ")[0] ?? "";

function fromOption(name: SettingName, given: string | string[] | boolean | undefined): Found | undefined {
  if (given === undefined) return undefined;
  const setting = settingTable[name];
  const json = typeof given === "string" ? setting.type.parse(given) : given;
  const option = given === false && setting.negatable ? negated(optionOf(setting)) : optionOf(setting);
  return { value: accepted(setting, json, option, given), source: option };
}

/** An empty variable counts as one that is not set, as in the AWS CLI. */
function fromVariable(
  setting: Setting,
  variables: Readonly<Record<string, string | undefined>>,
): Found | undefined {
  const variable = setting.env?.find((candidate) => variables[candidate]);
  const words = variable === undefined ? undefined : variables[variable];
  if (variable === undefined || words === undefined) return undefined;
  return { value: accepted(setting, setting.type.parse(words), variable, words), source: variable };
}

function fromFile(name: SettingName, layers: readonly Layer[]): Found | undefined {
  const layer = layers.find(({ values }) => values.has(name));
  return layer && { value: layer.values.get(name), source: layer.source };
}

function byDefault(setting: Setting, chosen: () => Chosen): Found {
  return { value: setting.defaultFrom ? setting.defaultFrom(chosen()) : setting.default, source: "default" };
}

function accepted(setting: Setting, json: unknown, where: string, given: unknown): unknown {
  const { success, output, issues } = v.safeParse(setting.type.schema, json);
  if (success) return output;
  const [{ message, path }] = issues;
  const shown = displayValue(setting, memberAt(given, path?.[0]?.key));
  throw new CliError("value-invalid", `${where} is ${shown}: ${message}`);
}

/** Of an option that was given several times the one that is wrong. */
const memberAt = (given: unknown, key: unknown): unknown =>
  Array.isArray(given) && typeof key === "number" ? given[key] : given;

/**
 * What a person must know of the config file: that it is not the one in `folder`, and that it decides where a
 * secret from elsewhere goes. `reads` are the settings that the command has.
 */
export function fileNotes(
  { settings, sources, file }: Resolved,
  reads: readonly SettingName[],
  folder: string,
): { kind: "note" | "warning"; message: string }[] {
  if (file === undefined) return [];
  const isHere = dirname(absolute(folder, file)) === folder;
  const secrets = reads.filter(
    (name) => (name === "token" || name === "signingKeys") && settings[name] !== undefined,
  );
  const isSent = reads.includes("backendUrl") && isFrom(file, sources.backendUrl) && secrets.length > 0;
  const sent = secrets.map((name) => sources[name]).join(" and ");
  return [
    ...(isHere ? [] : [{ kind: "note" as const, message: `settings come from ${file}` }]),
    ...(isSent
      ? [
          {
            kind: "warning" as const,
            message:
              `${sent} will be used at the backend ${settings.backendUrl}, which ${file} names: ` +
              "if you mean another backend, pass --backend-url",
          },
        ]
      : []),
  ];
}

/**
 * Where an environment's own settings name a region, another one is refused (CliError, exit 4): a variable of
 * the shell must not lead its deploy elsewhere. The local AWS may have any.
 */
export function refuseOtherRegion({ settings, sources, ownRegion, file }: Resolved): void {
  const { region, env, local } = settings;
  if (local || ownRegion === undefined || region === ownRegion) return;
  throw new CliError(
    "region-other",
    `${sources.region} is ${JSON.stringify(region)}, but the environment ${env} is in ${ownRegion} (${file})`,
    { hint: `leave ${sources.region} out, or correct the region of the environment in the config file` },
  );
}

/** The folder of the project: that of its config file, otherwise the current one, `folder`. */
export const projectOf = ({ file }: Pick<Resolved, "file">, folder: string): string =>
  file === undefined ? folder : dirname(absolute(folder, file));

/**
 * One line per setting for `--debug`: value and source. Secrets are `***`; what was not set, and options that
 * are at rest, are left out. Then what does not count, and why.
 */
export function sourceLines({ settings, sources, leftOut }: Resolved): string[] {
  const counting = settingNames
    .filter(
      (name) =>
        settings[name] !== undefined && !(sources[name] === "default" && typeof settings[name] === "boolean"),
    )
    .map((name) => `${name} = ${displayValue(settingTable[name], settings[name])} (${sources[name]})`);
  return [...counting, ...leftOut];
}

/** A default as the help and the README show it; an option that is off or on by default says nothing. */
export function defaultWords(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}
