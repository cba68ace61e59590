import type { Aws } from "../aws/clients.ts";
import type { Deployed } from "../aws/deployed.ts";
import { signingKeysIn } from "../aws/signing-keys.ts";
import type { Audience } from "../settings/table.ts";
import { command as invocation } from "../errors/advice.ts";
import { isReadByOthers } from "../files/trust.ts";
import { appendTo } from "../files/write.ts";
import { githubLine, terraformLine, variableLine } from "../terminal/assignments.ts";
import { table } from "../terminal/format.ts";
import type { Command } from "../cli/command.ts";

const STDOUT = 1;

/** Names and values, as they are given on. */
type Outputs = Readonly<Record<string, string>>;

/** Handler and kit take blanks between two keys, a line of a shell does not. */
function keysIn(text = ""): Outputs {
  const keys = signingKeysIn(text, "SIGNING_KEYS of the deployed function", [
    "give it new ones: ",
    invocation("deploy"),
  ]);
  return keys.length > 0 ? { SIGNING_KEYS: keys.join(",") } : {};
}

/** The values for one of those who need some, or for people: all but the keys. */
const outputsFor: Readonly<Record<Audience | "people", (deployed: Deployed) => Outputs>> = {
  frontend: ({ url }) => ({ VITE_WS_API_ENDPOINT: url }),
  backend: ({ endpoint, signingKeys }) => ({
    WEBSOCKET_API_ENDPOINT: endpoint,
    ...keysIn(signingKeys),
  }),
  terraform: ({ apiId, endpoint, functionArn }) => ({
    websocket_api_id: apiId,
    websocket_api_endpoint: endpoint,
    websocket_lambda_function_arn: functionArn,
  }),
  github: (deployed) => ({
    websocket_url: deployed.url,
    websocket_stage: deployed.stage,
    ...outputsFor.terraform(deployed),
  }),
  people: ({ functionName, stage, region, ...deployed }) => ({
    ...outputsFor.github({ functionName, stage, region, ...deployed }),
    websocket_lambda_function_name: functionName,
    region,
  }),
};

const linesOf =
  (line: (name: string, value: string) => string) =>
  (outputs: Outputs): string =>
    Object.entries(outputs)
      .map(([name, value]) => line(name, value))
      .join("\n");

/** What a backend pushes with at the local AWS: any SDK reads these variables (CONTRACT.md 6). */
async function localAccess({ lambda, region }: Aws): Promise<Outputs> {
  const { accessKeyId, secretAccessKey } = await (await lambda.client()).config.credentials();
  return {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_DEFAULT_REGION: region,
  };
}

/** How the values are written for each of them; throws a CliError for a value that has no such form. */
const forms: Readonly<Record<Audience | "people", (outputs: Outputs) => string>> = {
  frontend: linesOf(variableLine),
  backend: linesOf(variableLine),
  terraform: linesOf(terraformLine),
  github: linesOf(githubLine),
  people: (outputs) => table(Object.entries(outputs)),
};

interface OutputsResult extends Omit<Deployed, "signingKeys"> {
  audience: Audience | null;
  /** What the audience, or a person, is given: by the names that it reads. */
  values: Outputs;
}

export const command: Command<"outputs", OutputsResult> = {
  async run({ outputsFor: audience, githubOutput, functionName, apiName, stage, ...options }, context) {
    const aws = await context.aws(options);
    const { deployedStack } = await import("../aws/deployed.ts");
    const deployed = await deployedStack(aws, { functionName, apiName, stage });
    if (audience === "backend" && !deployed.signingKeys) {
      context.report({
        kind: "warning",
        message: "the function has no SIGNING_KEYS: its requests are not signed",
        hint: ["deploy creates one: ", invocation("deploy")],
      });
    }
    if (audience === "backend" && isReadByOthers(STDOUT)) {
      context.report({
        kind: "warning",
        message: "the signing keys go to a file that other users of this machine may read",
        hint: "keep it to yourself: chmod 600 FILE, or set umask 077 before it is written",
      });
    }
    const access = audience === "backend" && options.local ? await localAccess(aws) : {};
    const values = { ...outputsFor[audience ?? "people"](deployed), ...access };
    if (audience === "github" && githubOutput) await appendTo(githubOutput, `${forms.github(values)}\n`);
    const { signingKeys: _keys, ...facts } = deployed;
    return { audience: audience ?? null, ...facts, values };
  },

  // Each key by itself too: it stands alone where the list is split.
  secrets: ({ values: { SIGNING_KEYS = "", AWS_SECRET_ACCESS_KEY = "" } }) =>
    [SIGNING_KEYS, ...SIGNING_KEYS.split(","), AWS_SECRET_ACCESS_KEY].filter(Boolean),

  verbatim: true,
  render({ audience, values }, { githubOutput }) {
    if (audience === "github" && githubOutput) return `${Object.keys(values).join(", ")} → ${githubOutput}`;
    return forms[audience ?? "people"](values);
  },
};
