import { CliError } from "../errors/error.ts";
import { redactUrl } from "../settings/redact.ts";
import { settingTable, type SettingName, type Settings } from "../settings/table.ts";

type Values = Partial<Record<SettingName, unknown>>;
type Sources = Partial<Record<SettingName, string>>;

/** Two settings that exclude each other. */
export interface Exclusion {
  pair: readonly [SettingName, SettingName];
  /** What is said where both have the same source; absent where the command itself refuses them. */
  refusal?: { message?(settings: Partial<Settings>): string; hint: string };
  /** Whether the first counts where both are variables: the second may be set for other programs. */
  firstOfVariables?: true;
  /** Which values of them exclude each other; all, where nothing is said. */
  when?(settings: Partial<Settings>): boolean;
}

const adopting = (part: string) => ({ hint: `leave ${part} out: adopting is done by a whole deploy` });

/**
 * What excludes each other. A new pair is a row, unless more would be written than was meant where one of
 * them is left out (`--watch` and `--dry-run`, `--role-path` and the role of another owner): such a pair the
 * command refuses, whatever its sources are.
 */
export const exclusions: readonly Exclusion[] = [
  {
    pair: ["local", "endpointUrl"],
    refusal: {
      message: ({ endpointUrl }) =>
        `--local and --endpoint-url ${redactUrl(endpointUrl ?? "")} contradict each other`,
      hint: "for another port use --local with SHELFSHACK_PORT set",
    },
    firstOfVariables: true,
  },
  // The code is a part of its own: with steps as well, one of the two would be dropped in silence. What is
  // adopted becomes the stack's as a whole.
  { pair: ["adopt", "codeOnly"], refusal: adopting("--code-only") },
  { pair: ["adopt", "only"], refusal: adopting("--only") },
  {
    pair: ["codeOnly", "only"],
    refusal: { hint: "leave --only out to upload the code alone, or --code-only to run the steps" },
  },
  // A folder and a zip are two codes for one function.
  { pair: ["source", "zip"], refusal: { hint: "name the folder or the zip" } },
  { pair: ["script", "reconnect"] },
  { pair: ["expectStatus", "reconnect"] },
  { pair: ["clients", "reconnect"] },
  { pair: ["clients", "keepalive"] },
  { pair: ["from", "measured"] },
  { pair: ["send", "messageBytes"] },
  { pair: ["booking", "peoplePerBooking"], when: ({ booking }) => booking?.includes("{n}") === false },
];

/**
 * How far a source is: the command line, a variable, an environment's own settings in the config file, those
 * of all, and a default.
 */
function distanceOf(source: string, file: string | undefined): number {
  if (source.startsWith("--")) return 0;
  if (source === "default") return 4;
  if (file === undefined || !isFrom(file, source)) return 1;
  return source === file ? 3 : 2;
}

/** Whether a source is the config file, or a part of it. */
export const isFrom = (file: string, source: string): boolean =>
  source === file || source.startsWith(`${file}, `);

/**
 * Of two settings that exclude each other the one with the nearer source counts, and the other is left out of
 * `settings` and `sources`, as a line of the answer says. Throws a CliError (exit 2) where both have the same
 * source.
 */
export function leaveOut(settings: Values, sources: Sources, file: string | undefined): string[] {
  return exclusions.flatMap((row) => {
    const typed = settings as Partial<Settings>;
    const isGiven = (name: SettingName) => settings[name] !== undefined && settings[name] !== false;
    if (!row.pair.every(isGiven) || row.when?.(typed) === false) return [];
    const [one, other] = row.pair.map((name) => distanceOf(sources[name] ?? "", file)) as [number, number];
    const isSame = one === other && !(row.firstOfVariables && one === 1);
    if (isSame && row.refusal) throw refusalOf(row, typed);
    if (isSame) return [];
    const [kept, lost] = one <= other ? row.pair : row.pair.toReversed();
    return lost && kept ? [without(lost, kept, settings, sources)] : [];
  });
}

function without(lost: SettingName, kept: SettingName, settings: Values, sources: Sources): string {
  const why = `${kept} (${sources[kept]}) excludes it and comes before`;
  const line = `${lost} (${sources[lost]}) is left out: ${why}`;
  settings[lost] = settingTable[lost].default;
  sources[lost] = "default";
  return line;
}

function refusalOf({ pair, refusal }: Exclusion, settings: Partial<Settings>): CliError {
  const flags = pair.map((name) => settingTable[name].flag?.split(" ")[0]);
  const message = refusal?.message?.(settings) ?? `${flags.join(" and ")} contradict each other`;
  return new CliError("options-contradict", message, { hint: refusal?.hint });
}
