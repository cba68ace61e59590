import { dirname, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { assetUrl } from "../artifact/assets.ts";
import type { Command } from "../cli/command.ts";
import { typing } from "../cli/next.ts";
import { CONFIG_FILE, findConfigFile } from "../cli/config-file.ts";
import { regionMeant } from "../cli/region.ts";
import type { Context } from "../cli/context.ts";
import { command as invocation, type Invocation } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { isLoopback } from "../errors/network.ts";
import { findAbove } from "../files/read.ts";
import { createFile, fileAt } from "../files/write.ts";
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
  /** Where the commands that follow work: the file says it, or the profile; null where neither does. */
  region: string | null;
}

export const command: Command<"init", InitResult> = {
  async run(
    { config: file = CONFIG_FILE, env, backendUrl, region, account, environments, yes, port },
    context,
  ) {
    const kept = new CliError("file-kept", `${file} exists, and is not overwritten`, {
      hint: "change it in an editor, or name another file with --config",
    });
    if (await fileAt(file)) throw kept;
    const above = findConfigFile(dirname(resolve(file)));
    if (above !== undefined)
      context.report({ kind: "note", message: `${above} will not be read below ${dirname(resolve(file))}` });
    const ofProfile = region ?? (await profileRegion(port, context));
    const given = { backendUrl, region: yes ? region : ofProfile, account };
    const settings = yes ? configOf(given, environments) : await askedConfig(given, environments, context);
    const config = { ...settings, ...(env !== undefined && { env }) };
    check(config);
    await write(file, { $schema: schemaFor(file), ...config }, kept);
    return { file, settings: config, region: chosenIn(config).region ?? ofProfile ?? null };
  },

  render: ({ file, settings }) => `${file} written: ${Object.keys(settings).join(", ")}`,
  next: (result) => typing(nextStep(result)),
};

/** The region that the SDK would take by itself; undefined where there is none. */
async function profileRegion(port: number, { aws }: Pick<Context, "aws">): Promise<string | undefined> {
  try {
    return (await aws({ local: false, port, endpointUrl: undefined, region: undefined })).region;
  } catch (error) {
    if (error instanceof CliError) return undefined;
    throw error;
  }
}

/** What the file says for the environment that is used first. */
function chosenIn(config: Config): Answers & Pick<Config, "env"> {
  const { environments = {}, env = Object.keys(environments)[0] } = config;
  return { ...config, ...(env !== undefined && environments[env]), env };
}

/**
 * What runs as it is typed: AWS cannot call a backend on this machine. What was written is not repeated.
 */
function nextStep({ settings, file, region }: InitResult): Invocation {
  const { backendUrl, env } = chosenIn(settings);
  const named = { env, config: file === CONFIG_FILE ? undefined : file };
  if (backendUrl !== undefined && isLoopback(new URL(backendUrl).hostname)) return invocation("local", named);
  return invocation("plan", {
    ...named,
    region: region === null ? "REGION" : undefined,
    account: undefined,
    backendUrl: backendUrl === undefined ? "URL" : undefined,
  });
}

/** Throws a CliError for what the next command would refuse. */
function check({ backendUrl, environments, env }: Config): void {
  if (backendUrl === undefined && environments === undefined)
    throw new CliError("no-backend-url", "no backend URL was given", {
      hint: "pass --backend-url https://api.example.com, or --environments dev,prod and write theirs later",
    });
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
async function askedConfig(given: Answers, names: readonly string[] = [], context: Asking): Promise<Config> {
  if (context.canAsk) context.report({ kind: "note", message: "Enter takes what stands in brackets" });
  const top = await askedAnswers(given, "", context);
  const word = await asksFor("environments", { given: names.join(",") || undefined }, context);
  const environments: Record<string, Answers> = {};
  for (const name of word?.split(",").map((one) => one.trim()) ?? []) {
    const own = await askedAnswers(top, name, context);
    environments[name] = Object.fromEntries(
      asked.flatMap((key) => (own[key] === top[key] ? [] : [[key, own[key]]])),
    );
  }
  return { ...configOf(top), ...(word !== undefined && { environments }) };
}

type Asking = Pick<Context, "ask" | "canAsk" | "report">;

async function askedAnswers(given: Answers, environment: string, context: Asking): Promise<Answers> {
  const answers: Answers = {};
  for (const key of asked) answers[key] = await asksFor(key, { environment, given: given[key] }, context);
  return present(answers);
}

const subjects = {
  backendUrl: "the backend's URL",
  region: "AWS region",
  account: "id of the only AWS account that may be used",
  environments: "environments",
} as const satisfies Partial<Record<SettingName, string>>;
type Subject = keyof typeof subjects;

/** Shown as long as there is no answer to take. */
const samples: Readonly<Record<Subject, string>> = {
  backendUrl: "https://api.example.com",
  region: "eu-west-1",
  account: "123456789012",
  environments: "dev,prod",
};

/** A question: for which environment, what Enter means, and an answer that was doubted. */
interface Asked {
  environment?: string;
  given: string | undefined;
  doubted?: string;
}

/** Asks until the answer is one that the setting takes; undefined where there is to be none. */
async function asksFor(name: Subject, question: Asked, context: Asking): Promise<string | undefined> {
  const { environment = "", given, doubted } = question;
  const { type } = settingTable[name];
  const sample = given === undefined ? `, such as ${samples[name]}` : "";
  const answer = await context.ask({
    subject: `${environment && `${environment}: `}${subjects[name]}${sample}`,
    fallback: given ?? "none",
    option: "--yes with the options",
  });
  const words = answer.trim() === "" ? given : answer.trim();
  if (words === undefined) return undefined;
  const again = async (fault: string, next: Asked) => {
    context.report({ kind: "warning", message: `${JSON.stringify(words)}: ${fault}` });
    return await asksFor(name, next, context);
  };
  const [issue] = v.safeParse(type.schema, type.parse(words)).issues ?? [];
  if (issue) return await again(issue.message, question);
  const meant = name === "region" && words !== doubted ? regionMeant(words) : undefined;
  if (meant === undefined) return words;
  return await again(`not a region that is known here; Enter takes ${meant}, the same again keeps it`, {
    ...question,
    given: meant,
    doubted: words,
  });
}
