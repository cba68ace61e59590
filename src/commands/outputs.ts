import type { AmplifyTarget } from "../aws/amplify.ts";
import type { Aws } from "../aws/clients.ts";
import type { Deployed } from "../aws/deployed.ts";
import { signingKeysIn } from "../aws/signing-keys.ts";
import type { Audience } from "../settings/table.ts";
import { backendKeys, command as invocation, deployAgain } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import type { AccessKey } from "../files/local-key.ts";
import { isReadByOthers } from "../files/trust.ts";
import { appendTo, firstBytes, replaceFile, SECRET } from "../files/write.ts";
import { callersAccount } from "../resources/account.ts";
import type { OptionsOf } from "../settings/commands.ts";
import { redactUrl } from "../settings/redact.ts";
import { dotenvLine, githubLine, terraformLine, variableLine } from "../terminal/assignments.ts";
import { differenceText } from "../terminal/changes.ts";
import { table } from "../terminal/format.ts";
import type { Command } from "../cli/command.ts";
import { nothing, typing, type Next } from "../cli/next.ts";
import type { Context } from "../cli/context.ts";
import { connecting } from "../verify/proof.ts";

const STDOUT = 1;

/** Names and values, as they are given on. */
type Outputs = Readonly<Record<string, string>>;

/** Each value's name, and where it comes from; an undefined one is not there. */
type Table<From> = Readonly<Record<string, (from: From) => string | undefined>>;

/** Handler and kit take blanks between two keys, a line of a shell does not. */
function keysIn({ signingKeys = "" }: Deployed): string | undefined {
  const keys = signingKeysIn(signingKeys, "SIGNING_KEYS of the deployed function", [
    "give it new ones: ",
    deployAgain,
  ]);
  return keys.length > 0 ? keys.join(",") : undefined;
}

const frontend: Table<Deployed> = { VITE_WS_API_ENDPOINT: ({ url }) => url };
const terraform: Table<Deployed> = {
  websocket_api_id: ({ apiId }) => apiId,
  websocket_api_endpoint: ({ endpoint }) => endpoint,
  websocket_lambda_function_arn: ({ functionArn }) => functionArn,
};
const github: Table<Deployed> = {
  websocket_url: ({ url }) => url,
  websocket_stage: ({ stage }) => stage,
  ...terraform,
};

/** The values for one of those who need some, or for people: all but the keys. */
const outputsFor: Readonly<Record<Audience | "people", Table<Deployed>>> = {
  frontend,
  backend: { WEBSOCKET_API_ENDPOINT: ({ endpoint }) => endpoint, SIGNING_KEYS: keysIn },
  terraform,
  github,
  dotenv: {
    ...frontend,
    WEBSOCKET_API_ENDPOINT: ({ endpoint }) => endpoint,
    WEBSOCKET_API_ID: ({ apiId }) => apiId,
    WEBSOCKET_STAGE: ({ stage }) => stage,
    WEBSOCKET_LAMBDA_FUNCTION_ARN: ({ functionArn }) => functionArn,
  },
  amplify: frontend,
  people: {
    ...github,
    websocket_lambda_function_name: ({ functionName }) => functionName,
    region: ({ region }) => region,
  },
};

/** The access to a local AWS. */
interface Access extends AccessKey {
  region: string;
}

/** What a backend pushes with at the local AWS: any SDK reads these variables (CONTRACT.md 6). */
const accessOutputs: Table<Access> = {
  AWS_ACCESS_KEY_ID: ({ accessKeyId }) => accessKeyId,
  AWS_SECRET_ACCESS_KEY: ({ secretAccessKey }) => secretAccessKey,
  AWS_DEFAULT_REGION: ({ region }) => region,
};

const valuesOf = <From>(outputs: Table<From>, from: From): Outputs =>
  Object.fromEntries(
    Object.entries(outputs).flatMap(([name, valueFrom]) => {
      const value = valueFrom(from);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );

const linesOf =
  (line: (name: string, value: string) => string) =>
  (outputs: Outputs): string =>
    Object.entries(outputs)
      .map(([name, value]) => line(name, value))
      .join("\n");

async function localAccess({ lambda, region }: Aws): Promise<Access> {
  return { ...(await (await lambda.client()).config.credentials()), region };
}

/** How the values are written for each of them; throws a CliError for a value that has no such form. */
const forms: Readonly<Record<Audience | "people", (outputs: Outputs) => string>> = {
  frontend: linesOf(variableLine),
  backend: linesOf(variableLine),
  terraform: linesOf(terraformLine),
  github: linesOf(githubLine),
  dotenv: linesOf(dotenvLine),
  amplify: linesOf(variableLine),
  people: (outputs) => table(Object.entries(outputs)),
};

interface OutputsResult extends Omit<Deployed, "signingKeys"> {
  audience: Audience | null;
  /** Where the values were written with `--out`: what is secret of them is masked then. */
  file: string | null;
  /** What the audience, or a person, is given: by the names that it reads. */
  values: Outputs;
  /** What was merged into an app's variables, or would be; null for everyone else. */
  amplify: AmplifyResult | null;
}

interface AmplifyResult {
  appId: string;
  /** Null for the app's own variables. */
  branch: string | null;
  written: boolean;
  /** What differs; null for a variable that is not there. What may be secret in an address is masked. */
  changes: { name: string; from: string | null; to: string }[];
  /** How many other variables there are, which stay as they are. */
  kept: number;
}

export const command: Command<"outputs", OutputsResult> = {
  async run(
    { outputsFor: audience, outputsFile: file, appId, branch, write, account, githubOutput, ...options },
    context,
  ) {
    const { functionName, apiName, stage } = options;
    const target = targetIn({ audience, appId, branch, write });
    if (file !== undefined) requireFiled(audience);
    const aws = await context.aws(options);
    const { deployedStack } = await import("../aws/deployed.ts");
    const deployed = await deployedStack(aws, { functionName, apiName, stage });
    if (audience === "backend" && !deployed.signingKeys)
      await (await import("../aws/code-owner.ts")).tellOfDeploys(aws, functionName);
    if (audience === "backend") warnOfKeys(deployed, file, context);
    const access = audience === "backend" && options.local ? await localAccess(aws) : undefined;
    const values = {
      ...valuesOf(outputsFor[audience ?? "people"], deployed),
      ...(access && valuesOf(accessOutputs, access)),
    };
    await handOver(values, { audience, file, githubOutput, access });
    const amplify = target && (await mergeInto({ ...target, write, account }, values, { ...context, aws }));
    const { signingKeys: _keys, ...facts } = deployed;
    const told = file === undefined ? values : masked(values);
    return {
      audience: audience ?? null,
      file: file ?? null,
      ...facts,
      values: told,
      amplify: amplify ?? null,
    };
  },

  // Each key by itself too: it stands alone where the list is split.
  secrets({ file, values }) {
    const secrets = file === null ? secretNames.map((name) => values[name] ?? "") : [];
    return [...secrets, ...secrets.flatMap((secret) => secret.split(","))].filter(Boolean);
  },

  verbatim: true,
  render({ audience, file, values, amplify }, { githubOutput }) {
    if (amplify) return amplifyText(amplify);
    const into = file ?? (audience === "github" ? githubOutput : undefined);
    if (into) return `${Object.keys(values).join(", ")} → ${into}`;
    return forms[audience ?? "people"](values);
  },

  next: ({ audience, file, amplify }) => {
    if (amplify) return nextOfAmplify(amplify);
    return audience === "backend" && file !== null ? withKeys : nextFor[audience ?? "people"];
  },
};

const withKeys = typing(invocation("test"), "once the backend runs with them");

const forPrograms = nothing("they go on to a program, often in a script");
const nextFor: Readonly<Record<Audience | "people", Next>> = {
  frontend: forPrograms,
  backend: forPrograms,
  terraform: forPrograms,
  github: forPrograms,
  dotenv: forPrograms,
  amplify: forPrograms,
  people: typing(connecting({ booking: "ID", token: undefined, tokenStdin: false })),
};

function nextOfAmplify({ appId, branch, written, changes }: AmplifyResult): Next {
  if (written || changes.length === 0) return nothing("the next build of the app has them");
  const target = { appId, ...(branch !== null && { branch }) };
  return typing(invocation("outputs", { outputsFor: "amplify", ...target, write: true }));
}

function warnOfKeys(
  { signingKeys }: Deployed,
  file: string | undefined,
  { report }: Pick<Context, "report">,
): void {
  if (!signingKeys)
    report({
      kind: "warning",
      message: "the function has no SIGNING_KEYS: its requests are not signed",
      hint: ["deploy creates one: ", deployAgain],
    });
  if (file === undefined && isReadByOthers(STDOUT))
    report({
      kind: "warning",
      message: "the signing keys go to a file that other users of this machine may read",
      hint: ["keep it to yourself: chmod 600 FILE, and write it next time with: ", backendKeys()],
    });
}

/** Writes values where they are to go besides being printed, or instead. */
async function handOver(
  values: Outputs,
  {
    audience,
    file,
    githubOutput,
    access,
  }: {
    audience: Audience | undefined;
    file: string | undefined;
    githubOutput: string | undefined;
    access: Access | undefined;
  },
): Promise<void> {
  if (file !== undefined && audience !== undefined) await writeTo(file, values, { audience, access });
  if (audience === "github" && githubOutput) await appendTo(githubOutput, `${forms.github(values)}\n`);
}

/** What is in the file is nowhere else. */
const masked = (values: Outputs): Outputs =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, secretNames.includes(name) ? "***" : value]),
  );
const secretNames: readonly string[] = ["SIGNING_KEYS", "AWS_SECRET_ACCESS_KEY"];

/** Those whose values are lines of a file. */
const filed: readonly (Audience | undefined)[] = ["frontend", "backend", "terraform", "dotenv"];

function requireFiled(audience: Audience | undefined): void {
  if (filed.includes(audience)) return;
  const found = audience === undefined ? "it needs --for" : `there is none for ${audience}`;
  throw new CliError("options-contradict", `--out is for a file of values: ${found}`, {
    hint: `pass --for with one of ${filed.join(", ")}`,
  });
}

/** More than values of this kind ever take. */
const MOST_BYTES = 64 * 1024;

/** Throws a CliError (exit 4) where a file holds something else than what this audience is given. */
async function writeTo(
  file: string,
  values: Outputs,
  { audience, access }: { audience: Audience; access: Access | undefined },
): Promise<void> {
  const present = Buffer.from((await firstBytes(file, MOST_BYTES)) ?? []).toString();
  if (present.length === MOST_BYTES || !isOwn(present, { audience, access }))
    throw new CliError(
      "file-kept",
      `${file} holds more than ${asTyped(audience, access)} writes, so it is not overwritten`,
      { hint: "name another file with --out" },
    );
  await replaceFile(file, `${forms[audience](values)}\n`, SECRET);
}

const asTyped = (audience: Audience, access: Access | undefined): string =>
  `outputs --for ${audience}${access ? " --local" : ""}`;

/**
 * Whether a text has no lines but those that an audience is given. The names of AWS's variables hold
 * the user's own credentials too: they are ours only beside the id of the local AWS's key.
 */
function isOwn(
  present: string,
  { audience, access }: { audience: Audience; access: Access | undefined },
): boolean {
  const lines = present.split("\n").filter((line) => line !== "");
  const isNamedIn = (outputs: Table<never>, line: string) =>
    Object.hasOwn(outputs, /^(\w+) ?=/.exec(line)?.[1] ?? "");
  const others = lines.filter((line) => !isNamedIn(outputsFor[audience], line));
  if (others.length === 0) return true;
  if (!access || !others.every((line) => isNamedIn(accessOutputs, line))) return false;
  const ids = others.filter((line) => line.startsWith("AWS_ACCESS_KEY_ID"));
  const own = variableLine("AWS_ACCESS_KEY_ID", access.accessKeyId);
  return ids.length > 0 && ids.every((line) => line === own);
}

type Asked = Pick<OptionsOf<"outputs">, "appId" | "branch" | "write">;

/** Whose variables are meant; undefined for every other audience. Throws a CliError (exit 2) for none. */
function targetIn({
  audience,
  appId,
  branch,
  write,
}: Asked & { audience: Audience | undefined }): AmplifyTarget | undefined {
  if (audience === "amplify" && appId !== undefined) return { appId, branch };
  if (audience === "amplify")
    throw new CliError("value-missing", "outputs --for amplify needs --app-id", {
      hint: "the id is in the ARN of the app in AWS Amplify, behind apps/",
    });
  if (write) throw new CliError("options-contradict", "--write is for outputs --for amplify");
  return undefined;
}

/** Merges values into the present variables, or finds out what that would change. */
async function mergeInto(
  { appId, branch, write, account }: AmplifyTarget & Pick<OptionsOf<"outputs">, "write" | "account">,
  values: Outputs,
  { aws, report }: Pick<Context, "report"> & { aws: Aws },
): Promise<AmplifyResult> {
  const [{ amplifyVariables, writeAmplifyVariables }, { Account }] = await Promise.all([
    import("../aws/amplify.ts"),
    callersAccount(aws, account),
  ]);
  const present = await amplifyVariables(aws, { appId, branch });
  const changes = Object.entries(values)
    .filter(([name, value]) => present[name] !== value)
    .map(([name, value]) => {
      const { [name]: from } = present;
      return { name, from: from === undefined ? null : redactUrl(from), to: redactUrl(value) };
    });
  const written = write && changes.length > 0;
  if (written) {
    report({ kind: "note", message: `account ${Account}, region ${aws.region}, Amplify app ${appId}` });
    await writeAmplifyVariables(aws, { appId, branch }, { ...present, ...values });
  }
  const kept = Object.keys(present).filter((name) => !Object.hasOwn(values, name)).length;
  return { appId, branch: branch ?? null, written, changes, kept };
}

function amplifyText({ appId, branch, written, changes, kept }: AmplifyResult): string {
  const of = branch === null ? `app ${appId}` : `branch ${branch} of app ${appId}`;
  if (changes.length === 0) return `nothing to change: the variables of ${of} are up to date`;
  const lines = changes.map(({ name, from, to }) =>
    from === null ? `${name}: added, ${to}` : differenceText({ path: name, from, to }),
  );
  const done = written ? `written to ${of}; its next build has them` : `nothing was written to ${of}`;
  return [...lines, `${done} (${kept} other variables stay)`].join("\n");
}
