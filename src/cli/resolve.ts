import { dirname, resolve as absolute } from "node:path";
import * as v from "valibot";
import { closest } from "../errors/closest.ts";
import { findConfigFile, readConfigFile, type Configured } from "./config-file.ts";
import { CliError } from "../errors/error.ts";
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
import { redactUrl, shorten } from "../settings/redact.ts";

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
  if (settings.local) forgetAccountOf(file, settings, sources);
  refuseBothAddresses(settings as unknown as Settings, sources);
  refuseCodeAndSteps(settings as unknown as Settings);
  chooseCode(settings, sources, file);
  return {
    settings: settings as unknown as Settings,
    sources: sources as Record<SettingName, string>,
    file,
    ownRegion: ownRegionIn(inFile),
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
  throw new CliError("value-invalid", `${where} is ${displayValue(setting, given)}: ${issues[0].message}`);
}

/**
 * Given side by side on the command line they contradict each other; from elsewhere, `--local` is the address
 * that was asked for.
 */
function refuseBothAddresses(
  { local, endpointUrl }: Settings,
  sources: Partial<Record<SettingName, string>>,
): void {
  if (!local || sources.local !== "--local" || sources.endpointUrl !== "--endpoint-url") return;
  throw new CliError(
    "options-contradict",
    `--local and --endpoint-url ${redactUrl(endpointUrl ?? "")} contradict each other`,
    {
      hint: "for another port use --local with SHELFSHACK_PORT set",
    },
  );
}

/**
 * The code is a part of its own: with steps as well, one of the two would be dropped in silence. What is
 * adopted becomes the stack's as a whole.
 */
function refuseCodeAndSteps({ codeOnly, only, adopt }: Settings): void {
  if (adopt && (codeOnly || only !== undefined)) {
    const part = codeOnly ? "--code-only" : "--only";
    throw new CliError("options-contradict", `--adopt and ${part} contradict each other`, {
      hint: `leave ${part} out: adopting is done by a whole deploy`,
    });
  }
  if (!codeOnly || only === undefined) return;
  throw new CliError("options-contradict", "--code-only and --only contradict each other", {
    hint: "leave --only out to upload the code alone, or --code-only to run the steps",
  });
}

/**
 * A folder and a zip are two codes for one function. The one that is named nearer counts, as with any
 * setting: the command line before the environment's own settings before those of all.
 */
function chooseCode(
  settings: Partial<Record<SettingName, unknown>>,
  { source = "", zip = "" }: Partial<Record<SettingName, string>>,
  file: string | undefined,
): void {
  if (settings.source === undefined || settings.zip === undefined) return;
  const distance = (place: string) =>
    file === undefined || !isFrom(file, place) ? 0 : place === file ? 2 : 1;
  if (distance(source) === distance(zip))
    throw new CliError("options-contradict", "--source and --zip contradict each other", {
      hint: "name the folder or the zip",
    });
  settings[distance(source) < distance(zip) ? "zip" : "source"] = undefined;
}

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
            message: `${sent} serves for ${settings.backendUrl}, the address in ${file}`,
          },
        ]
      : []),
  ];
}

const isFrom = (file: string, source: string): boolean => source === file || source.startsWith(`${file}, `);

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
 * are at rest, are left out.
 */
export function sourceLines({ settings, sources }: Resolved): string[] {
  return settingNames
    .filter(
      (name) =>
        settings[name] !== undefined && !(sources[name] === "default" && typeof settings[name] === "boolean"),
    )
    .map((name) => `${name} = ${displayValue(settingTable[name], settings[name])} (${sources[name]})`);
}

/** A default as the help and the README show it; an option that is off or on by default says nothing. */
export function defaultWords(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}
