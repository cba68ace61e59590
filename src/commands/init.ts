import { dirname, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { assetUrl } from "../artifact/assets.ts";
import type { Command } from "../cli/command.ts";
import { CONFIG_FILE, findConfigFile } from "../cli/config-file.ts";
import type { Context } from "../cli/context.ts";
import { command as invocation, type Invocation } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { findAbove } from "../files/read.ts";
import { createFile, fileAt } from "../files/write.ts";
import { noBackendUrl } from "../resources/config.ts";
import { ENVIRONMENTS } from "../settings/schema.ts";
import { settingTable, type SettingName } from "../settings/table.ts";

/** What is asked, for all environments and for each of them. */
const asked = ["backendUrl", "region", "account"] as const;
type Answers = Partial<Record<(typeof asked)[number], string | undefined>>;

/** A config file's content. */
interface Config extends Answers {
  env?: string | undefined;
  environments?: Readonly<Record<string, Answers>>;
}

interface InitResult {
  file: string;
  /** What was written, without the place of the schema. */
  settings: Config;
  next: Invocation;
}

export const command: Command<"init", InitResult> = {
  async run({ config: file = CONFIG_FILE, env, backendUrl, region, account, environments, yes }, context) {
    const kept = new CliError("file-kept", `${file} exists, and is not overwritten`, {
      hint: "change it in an editor, or name another file with --config",
    });
    if (await fileAt(file)) throw kept;
    const above = findConfigFile(dirname(resolve(file)));
    if (above !== undefined)
      context.report({ kind: "note", message: `${above} will not be read below ${dirname(resolve(file))}` });
    const given = { backendUrl, region, account };
    const settings = yes ? configOf(given, environments) : await askedConfig(given, environments, context);
    const config = { ...settings, ...(env !== undefined && { env }) };
    check(config);
    await write(file, { $schema: schemaFor(file), ...config }, kept);
    const [first] = Object.keys(config.environments ?? {});
    return { file, settings: config, next: invocation("plan", { env: env ?? first }) };
  },

  render: ({ file, settings, next }) => [
    `${file} written: ${Object.keys(settings).join(", ")}\n\nnext: `,
    next,
  ],
};

/** Throws a CliError for what the next command would refuse. */
function check({ backendUrl, environments, env }: Config): void {
  if (backendUrl === undefined && environments === undefined) throw noBackendUrl();
  if (env === undefined || environments === undefined || Object.hasOwn(environments, env)) return;
  throw new CliError(
    "environment-unknown",
    `--env ${env} is none of ${Object.keys(environments).join(", ")}`,
    {
      hint: "name it in --environments too",
    },
  );
}

async function write(file: string, config: object, kept: CliError): Promise<void> {
  try {
    // Readable for all, and not writable for a group: such a file would not be read.
    await createFile(file, `${JSON.stringify(config, null, 2)}\n`, 0o644);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "EEXIST" ? kept : error;
  }
}

const SCHEMA = "config.schema.json";

/** The way from the file to the schema: by the project's own packages, otherwise to where this program is. */
function schemaFor(file: string): string {
  const folder = dirname(resolve(file));
  const installed = findAbove(folder, `node_modules/shelfshack-ws/dist/${SCHEMA}`);
  const path = relative(folder, installed ?? fileURLToPath(assetUrl(SCHEMA))).replaceAll(sep, "/");
  return path.startsWith("..") ? path : `./${path}`;
}

const present = (answers: Answers): Answers =>
  Object.fromEntries(Object.entries(answers).filter(([, answer]) => answer !== undefined));

const configOf = (top: Answers, names: readonly string[] = []): Config => ({
  ...present(top),
  ...(names.length > 0 && { [ENVIRONMENTS]: Object.fromEntries(names.map((name) => [name, {}])) }),
});

/** Asks for everything; what was given is what Enter alone means. */
async function askedConfig(
  given: Answers,
  names: readonly string[] = [],
  context: Pick<Context, "ask" | "report">,
): Promise<Config> {
  const top = await askedAnswers(given, "", context);
  const word = await asksFor("environments", "", names.join(",") || undefined, context);
  const environments: Record<string, Answers> = {};
  for (const name of word?.split(",").map((one) => one.trim()) ?? []) {
    const own = await askedAnswers(top, name, context);
    environments[name] = Object.fromEntries(
      asked.flatMap((key) => (own[key] === top[key] ? [] : [[key, own[key]]])),
    );
  }
  return { ...configOf(top), ...(word !== undefined && { environments }) };
}

async function askedAnswers(
  given: Answers,
  environment: string,
  context: Pick<Context, "ask" | "report">,
): Promise<Answers> {
  const answers: Answers = {};
  for (const key of asked) answers[key] = await asksFor(key, environment, given[key], context);
  return present(answers);
}

/** Asks until the answer is one that the setting takes; undefined where there is to be none. */
async function asksFor(
  name: SettingName & ((typeof asked)[number] | "environments"),
  environment: string,
  given: string | undefined,
  { ask, report }: Pick<Context, "ask" | "report">,
): Promise<string | undefined> {
  const { description, type } = settingTable[name];
  const subject = environment === "" ? description : `${environment}: ${description}`;
  const answer = await ask({ subject, action: `[${given ?? "none"}]:`, option: "--yes" });
  const words = answer.trim() === "" ? given : answer.trim();
  if (words === undefined) return undefined;
  const [issue] = v.safeParse(type.schema, type.parse(words)).issues ?? [];
  if (!issue) return words;
  report({ kind: "warning", message: `${JSON.stringify(words)}: ${issue.message}` });
  return await asksFor(name, environment, given, { ask, report });
}
