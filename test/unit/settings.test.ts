import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import * as v from "valibot";
import { expect, onTestFinished, test } from "vitest";
import { readConfiguration } from "../../handler/config.ts";
import { reservedVariables } from "../../src/contract/reserved-variables.ts";
import { CliError } from "../../src/errors/error.ts";
import { settingNames, settingTable, type SettingName } from "../../src/settings/table.ts";
import { stackConfig } from "../../src/resources/config.ts";
import { configSchema } from "../../src/settings/schema.ts";
import type { JsonSchema } from "../../src/settings/value-types.ts";
import { readConfigFile } from "../../src/cli/config-file.ts";
import type { CommandName } from "../../src/settings/commands.ts";
import { environmentNotes } from "../../src/cli/environment-note.ts";
import { exclusions } from "../../src/cli/exclusive.ts";
import { regionNotes } from "../../src/cli/region.ts";
import { fileNotes, refuseOtherRegion, sourceLines, resolve, type Given } from "../../src/cli/resolve.ts";

/** A folder that holds a config file with this text. */
function folderWith(config: unknown): string {
  const folder = mkdtempSync(join(tmpdir(), "settings-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(
    join(folder, "shelfshack-ws.config.json"),
    typeof config === "string" ? config : JSON.stringify(config),
  );
  return folder;
}

const settled = (given: Given = {}, variables: Record<string, string> = {}, folder = "/") =>
  resolve(given, variables, folder).settings;

/** What a person reads when the settings are refused. */
function refusal(given: Given, variables: Record<string, string> = {}, folder = "/"): string {
  try {
    resolve(given, variables, folder);
  } catch (error) {
    expect(error).toBeInstanceOf(CliError);
    expect((error as CliError).exitCode).toBe(2);
    return (error as CliError).message;
  }
  throw new Error("the settings were accepted");
}

test("an option wins over a variable, a variable over the config file, that over the default", () => {
  const folder = folderWith({ memory: 512 });
  expect(settled({}, {}).memory).toBe(256);
  expect(settled({}, {}, folder).memory).toBe(512);
  expect(settled({}, { SHELFSHACK_MEMORY: "1024" }, folder).memory).toBe(1024);
  expect(settled({ memory: "2048" }, { SHELFSHACK_MEMORY: "1024" }, folder).memory).toBe(2048);
});

test("the variables of the AWS CLI count, ours first; an empty one is not set", () => {
  expect(settled({}, { AWS_DEFAULT_REGION: "eu-west-1" }).region).toBe("eu-west-1");
  expect(settled({}, { AWS_DEFAULT_REGION: "eu-west-1", AWS_REGION: "us-east-2" }).region).toBe("us-east-2");
  expect(settled({}, { SHELFSHACK_REGION: "", AWS_REGION: "us-east-2" }).region).toBe("us-east-2");
  expect(settled({}, { AWS_PROFILE: "dev", AWS_ENDPOINT_URL: "http://127.0.0.1:1" })).toMatchObject({
    profile: "dev",
    endpointUrl: "http://127.0.0.1:1",
  });
});

test("names follow the environment, and each can be set", () => {
  expect(settled()).toMatchObject({
    functionName: "shelfshack-websocket-proxy",
    apiName: "shelfshack-websocket-api",
    stage: "dev",
    roleName: "shelfshack-websocket-proxy-role",
  });
  expect(settled({ env: "prod" })).toMatchObject({
    functionName: "shelfshack-prod-websocket-proxy",
    apiName: "shelfshack-prod-websocket-api",
    stage: "prod",
    roleName: "shelfshack-prod-websocket-proxy-role",
  });
  expect(settled({ env: "prod", functionName: "mine" })).toMatchObject({
    functionName: "mine",
    roleName: "mine-role",
    stage: "prod",
  });
});

test("D-35 a hostile environment name is refused", () => {
  for (const env of ["../x", "a;rm -rf", "x".repeat(300), "ä", "__proto__", "Dev", "1a", "", "a\n"])
    expect(refusal({ env })).toMatch(/^--env is /);
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }),
      (env) => /^[a-z][a-z0-9-]{0,30}$/.test(env) || refusal({ env }) !== "",
    ),
    { numRuns: 1_000 },
  );
});

test("the longest environment name still makes names that AWS accepts", () => {
  const { functionName, roleName } = settled({ env: "e".repeat(31) });
  expect(functionName.length).toBeLessThanOrEqual(64);
  expect(roleName.length).toBeLessThanOrEqual(64);
});

test.each([
  ["https://api.example.com/", "https://api.example.com"],
  ["http://192.0.2.1:8000", "http://192.0.2.1:8000"],
  ["https://api.example.com/v1/ws/", "https://api.example.com/v1/ws"],
  ["http://localhost:8000", "http://localhost:8000"],
])("the backend URL %s is accepted", (backendUrl, kept) => {
  expect(settled({ backendUrl }).backendUrl).toBe(kept);
});

test.each([
  ["", "it is empty"],
  ["api.example.com", "begins with http:// or https://"],
  ["ftp://api.example.com", "begins with http:// or https://"],
  ["http:/api.example.com", "begins with http:// or https://"],
  ["https://user:pass@api.example.com", "without user and password"],
  ["https://api.example.com?x=1", "without ? or #"],
  ["https://api.example.com/#top", "without ? or #"],
  ["https://api.example.com/my path", "a path without spaces"],
  ["https://api.example.com/a\\b", "a path without spaces"],
  ["https://api.example.com/a\u0007b", "a path without spaces"],
  ["https://api.example.com/a/../b", "a path without"],
  ["https://api.example.com/%2e%2e/b", "a path without"],
  ["https://api.example.com/a//b", "a path without"],
  ["https://api.example.com/50%", "% signs"],
  ["http://169.254.169.254", "link-local"],
  ["http://0xa9fea9fe", "link-local"],
  ["http://[fd00:ec2::254]/", "link-local"],
  ["http://[fe80::1]/", "link-local"],
  ["http://[::ffff:169.254.169.254]/", "link-local"],
  ["https://", "begins with http:// or https://"],
])("the backend URL %s is refused: %s", (backendUrl, expected) => {
  const message = refusal({ backendUrl });
  const shown = backendUrl
    .replace(/\/\/.*@/, "//***@")
    .replace("?x=1", "?x=***")
    .replace("#top", "#***");
  expect(message).toContain(`--backend-url is ${JSON.stringify(shown)}: `);
  expect(message).not.toContain("pass@");
  expect(message).toContain(expected);
});

test.each(["0x100", "1e3", " 256", "", "256MB", "-1", "127", "10241", "256.5", "Infinity"])(
  "%j is no memory size",
  (memory) => {
    expect(refusal({ memory })).toBe(
      `--memory is ${JSON.stringify(memory)}: expected a whole number from 128 to 10240 MB`,
    );
  },
);

test("a variable is named when its value is refused, a secret value is not shown", () => {
  expect(refusal({}, { SHELFSHACK_PORT: "seven" })).toBe(
    'SHELFSHACK_PORT is "seven": expected a whole number from 0 to 65535',
  );
  expect(refusal({ token: " " })).toBe("--token is ***: expected a token");
});

test("steps are a list, and an unknown one is refused with the list", () => {
  expect(settled({ only: "role, policy" }).only).toEqual(["role", "policy"]);
  expect(refusal({ only: "roles" })).toContain("expected one or more of role, policy, logs, function");
});

test("a time is an age or an ISO time", () => {
  expect(settled({ since: "2026-11-23T10:00:00Z" }).since).toBe(Date.parse("2026-11-23T10:00:00Z"));
  expect(Math.abs((settled({ since: "10m" }).since ?? 0) - (Date.now() - 600_000))).toBeLessThan(5_000);
  for (const since of ["10", "yesterday", "-5m", ""]) expect(refusal({ since })).toContain("expected an age");
});

const environments = {
  region: "us-east-1",
  memory: 512,
  variables: { COMMON: "1", BOTH: "top" },
  tags: { team: "chat", level: "top" },
  environments: {
    dev: {},
    prod: {
      account: "123456789012",
      region: "eu-west-1",
      memory: 1024,
      variables: { BOTH: "prod" },
      tags: { level: "prod" },
    },
  },
};

test("an environment's settings win over those of the whole file, and inherit the others", () => {
  const folder = folderWith(environments);
  expect(settled({}, {}, folder)).toMatchObject({ memory: 512, account: undefined });
  expect(settled({ env: "dev" }, {}, folder)).toMatchObject({ memory: 512, stage: "dev" });
  expect(settled({ env: "prod" }, {}, folder)).toMatchObject({
    account: "123456789012",
    region: "eu-west-1",
    memory: 1024,
    functionName: "shelfshack-prod-websocket-proxy",
    variables: { COMMON: "1", BOTH: "prod" },
    tags: { team: "chat", level: "prod" },
  });
  expect(settled({ env: "prod", memory: "128" }, {}, folder).memory).toBe(128);
  expect(settled({}, { SHELFSHACK_ENV: "prod" }, folder).memory).toBe(1024);
  const file = join(folder, "shelfshack-ws.config.json");
  expect(sourceLines(resolve({ env: "prod" }, {}, folder))).toContain(
    `memory = 1024 (${file}, environments.prod)`,
  );
  expect(settled({ env: "other" }, {}, folderWith({ memory: 512 })).memory).toBe(512);
  expect(settled({}, {}, folderWith({ ...environments, env: "prod" })).memory).toBe(1024);
});

test("tags are given one by one, in a variable with commas, and are named as they were given", () => {
  expect(settled({ tags: ["Cost Center=a=b", "empty="] }).tags).toEqual({ "Cost Center": "a=b", empty: "" });
  expect(settled({}, { SHELFSHACK_TAGS: "a=1,b=2" }).tags).toEqual({ a: "1", b: "2" });
  expect(refusal({ tags: ["team"] })).toContain("expected tags like team=x");
  expect(refusal({ tags: ["aws:x=1"] })).toContain("--tag is ");
});

test.each([
  ["expected each name once", { team: "x" }, { Team: "y" }],
  [
    "expected at most 40 tags",
    Object.fromEntries([...Array(30).keys()].map((nth) => [`a${nth}`, ""])),
    Object.fromEntries([...Array(30).keys()].map((nth) => [`b${nth}`, ""])),
  ],
])("tags of an environment and of all are checked together: %s", (words, tags, own) => {
  const folder = folderWith({ tags, environments: { prod: { tags: own } } });
  expect(() => settled({ env: "prod" }, {}, folder)).toThrow(words);
});

test("what environments inherit is put together for the one that is chosen", () => {
  const many = (prefix: string, value: unknown) =>
    Object.fromEntries(Array.from({ length: 3_000 }, (_, number) => [`${prefix}${number}`, value]));
  const hostile = { variables: many("V", ""), environments: many("e", { variables: { OWN: "1" } }) };
  const folder = folderWith(hostile);
  const { environments: read } = readConfigFile(join(folder, "shelfshack-ws.config.json"));
  expect(read?.get("e7")?.get("variables")).toEqual({ OWN: "1" });
  expect(settled({}, {}, folder).variables).toEqual(hostile.variables);
  expect(settled({ env: "e7" }, {}, folder).variables).toEqual({ ...hostile.variables, OWN: "1" });
  expect(refusal({ env: "e" }, {}, folder).length).toBeLessThan(1_000);
});

test("an environment that the file does not name is refused with the list, and with what was meant", () => {
  const folder = folderWith(environments);
  const file = join(folder, "shelfshack-ws.config.json");
  expect(refusal({ env: "prdo" }, {}, folder)).toBe(
    `--env is "prdo": no such environment in ${file}, which has dev, prod`,
  );
  expect(refusal({}, { SHELFSHACK_ENV: "test" }, folder)).toContain('SHELFSHACK_ENV is "test"');
  expect(refusal({}, {}, folderWith({ env: "x", environments: {} }))).toContain('env is "x": no such');
  try {
    resolve({ env: "prdo" }, {}, folder);
  } catch (error) {
    expect(error).toMatchObject({ code: "environment-unknown", hint: "did you mean prod?" });
  }
});

test("an environment's own region is a guard, against AWS and not against the local AWS", () => {
  const folder = folderWith(environments);
  const guarded =
    (given: Given, variables: Record<string, string> = {}) =>
    () =>
      refuseOtherRegion(resolve(given, variables, folder));
  expect(guarded({ env: "prod" })).not.toThrow();
  expect(guarded({ env: "prod" }, { AWS_REGION: "eu-west-1" })).not.toThrow();
  expect(guarded({ env: "dev" }, { AWS_REGION: "eu-west-1" })).not.toThrow();
  expect(guarded({ env: "prod", local: true }, { AWS_REGION: "us-east-1" })).not.toThrow();
  expect(settled({ env: "prod", local: true }, {}, folder).account).toBeUndefined();
  expect(guarded({ env: "prod" }, { AWS_REGION: "us-east-1" })).toThrow(
    expect.objectContaining({ code: "region-other", exitCode: 4 }),
  );
});

test("a variable that decides the region against the config file is named, for commands about stacks", () => {
  const folder = folderWith({
    region: "eu-west-1",
    environments: { prod: { region: "eu-west-1" }, dev: {} },
  });
  const notes = (name: CommandName, given: Given, variables: Record<string, string>) =>
    regionNotes(name, resolve(given, variables, folder)).map(({ kind, message }) => [kind, message]);
  const file = join(folder, "shelfshack-ws.config.json");
  for (const variable of settingTable.region.env ?? [])
    for (const name of ["status", "deploy", "plan", "connect", "env", "outputs"] as const)
      for (const given of [{}, { local: true }, { env: "dev" }])
        expect(notes(name, given, { [variable]: "us-east-1" })).toEqual([
          [
            "note",
            expect.stringContaining(`${variable} makes the region us-east-1, not eu-west-1 of ${file}`),
          ],
        ]);
  const variables = { AWS_DEFAULT_REGION: "us-east-1" };
  for (const given of [{ region: "us-east-1" }, { env: "prod" }, { url: "wss://x.example/dev" }])
    expect(notes("connect", given, variables)).toEqual([]);
  expect(notes("package", {}, variables)).toEqual([]);
  expect(notes("status", {}, { AWS_REGION: "eu-west-1" })).toEqual([]);
});

/** Whether an editor with this schema would take a value: as much of JSON Schema as ours has. */
function takes(schema: JsonSchema, value: unknown): boolean {
  const { type, pattern, minimum = -Infinity, maximum = Infinity } = schema;
  if (schema.enum) return schema.enum.includes(value);
  if (type === "integer")
    return Number.isInteger(value) && Number(value) >= minimum && Number(value) <= maximum;
  if (type === "object")
    return Object.entries(value as object).every(([key, member]) => {
      const own = schema.properties?.[key] ?? schema.additionalProperties;
      const named = !schema.propertyNames || takes(schema.propertyNames, key);
      return named && own !== undefined && own !== false && takes(own, member);
    });
  return typeof value === type && (pattern === undefined || new RegExp(pattern, "u").test(String(value)));
}

test("the JSON schema has every key of the table, and takes what is right alone", async () => {
  const schema = configSchema();
  const keys = settingNames.flatMap((name) => settingTable[name].key ?? []);
  expect(Object.keys(schema.properties ?? {})).toEqual(["$schema", ...keys, "environments"]);
  const whole = {
    ...environments,
    $schema: "x",
    backendUrl: "https://api.example.com",
    test: false,
    functionName: "f",
  };
  expect(takes(schema, whole)).toBe(true);
  expect(settled({ env: "prod" }, {}, folderWith(whole)).backendUrl).toBe("https://api.example.com");
  for (const wrong of [
    { memroy: 1 },
    { memory: 1 },
    { memory: "256" },
    { env: "A" },
    { backendUrl: "api.example.com" },
    { environments: { Dev: {} } },
    { environments: { dev: { env: "x" } } },
    { environments: { dev: { logRetention: 2 } } },
  ]) {
    expect(takes(schema, wrong), JSON.stringify(wrong)).toBe(false);
    expect(refusal({}, {}, folderWith(wrong))).not.toBe("");
  }
  const shipped = await readFile(new URL("../../dist/config.schema.json", import.meta.url), "utf8");
  expect(JSON.parse(shipped)).toEqual(schema);
});

test.each([
  ["{", "expected JSON"],
  ['{"environments":[]}', "environments: expected a JSON object"],
  ['{"environments":{"dev":1}}', "environments.dev: expected a JSON object"],
  ['{"environments":{"A B":{}}}', "environments.A B: expected a name of 1 to 31"],
  ['{"environments":{"__proto__":{}}}', "environments.__proto__: expected a name of 1 to 31"],
  [
    '{"environments":{"dev":{"memroy":1}}}',
    'unknown key "memroy" in environments.dev, did you mean "memory"',
  ],
  ['{"environments":{"dev":{"memory":1}}}', "environments.dev.memory is 1: expected a whole number"],
  ['{"environments":{"dev":{"env":"x"}}}', 'environments.dev cannot set "env"'],
  ['{"environments":{"dev":{"variables":{"AB":1}}}}', "environments.dev.variables.AB is ***: expected"],
  ['{"enviroments":{}}', 'did you mean "environments"?'],
  ["[]", "expected a JSON object"],
  ['{"memroy":1}', 'unknown key "memroy", did you mean "memory"?'],
  ['{"zzzzzzzz":1}', 'unknown key "zzzzzzzz"; known are env,'],
  ['{"memory":"256"}', 'memory is "256": expected a whole number from 128 to 10240 MB'],
  ['{"memory":1}', "memory is 1: expected a whole number"],
  ['{"variables":{"A B":"x"}}', "variables.A B is ***: expected a variable's name"],
  ['{"variables":{"AB":1}}', 'variables.AB is ***: expected a string, such as "1"'],
  ['{"variables":{"A":1}}', 'variables.A is ***: expected a string, such as "1"'],
  [
    '{"variables":{"A":"1"}}',
    "variables.A is ***: expected a variable's name: two or more letters, digits and _, a letter first",
  ],
  ['{"variables":["a"]}', "variables is ***: expected an object of strings"],
  ['{"variables":null}', "variables is ***: expected an object of strings"],
  ['{"variables":{"AWS_REGION":"x"}}', "Lambda sets it itself"],
  ['{"tags":{"aws:team":"x"}}', 'tags.aws:team is {"aws:team":"x"}: expected another name'],
  ['{"tags":{"managedBy":"x"}}', 'tags.managedBy is {"managedBy":"x"}: expected another name'],
  ['{"tags":{"shelfshack-ws:run":"x"}}', "shelfshack-ws: and ManagedBy are taken"],
  ['{"tags":{"a,b":"x"}}', 'tags.a,b is {"a,b":"x"}: expected a name of 1 to 128 letters'],
  ['{"tags":{"a=b":"x"}}', 'tags.a=b is {"a=b":"x"}: expected a name of 1 to 128 letters'],
  ['{"tags":{"team":1}}', 'tags.team is {"team":1}: expected a string, such as "1"'],
  [`{"tags":{"team":"${"x".repeat(257)}"}}`, "expected a value of at most 256 letters"],
  ['{"tags":{"team":"x","Team":"y"}}', "expected each name once"],
  [
    JSON.stringify({ tags: Object.fromEntries([...Array(41).keys()].map((nth) => [`t${nth}`, ""])) }),
    "expected at most 40 tags",
  ],
  [
    '{"variables":{"SIGNING_KEYS":"canary"}}',
    "variables.SIGNING_KEYS is ***: expected one or two keys, each whsec_",
  ],
  [
    '{"variables":{"REGISTER_PATH":"no-slash"}}',
    "variables.REGISTER_PATH is ***: expected a path such as /api/ws/message",
  ],
  [
    '{"variables":{"BACKEND_TIMEOUT_MS":"30000"}}',
    "variables.BACKEND_TIMEOUT_MS is ***: expected milliseconds from 1 to 29000",
  ],
  [
    '{"variables":{"LOG_LEVEL":"loud"}}',
    "variables.LOG_LEVEL is ***: expected one of DEBUG, INFO, WARN, ERROR",
  ],
  [
    '{"backendUrl":"https://bob:canary@h"}',
    'backendUrl is "https://***@h": expected a URL without user and password',
  ],
  ['{"token":"x"}', '"token" cannot be set in a config file'],
  ['{"profile":"x"}', '"profile" cannot be set in a config file'],
  ['{"endpointUrl":"http://evil"}', '"endpointUrl" cannot be set in a config file'],
  ['{"yes":true}', '"yes" cannot be set in a config file'],
  ['{"__proto__":{"yes":true}}', 'unknown key "__proto__"'],
])("C-07 the config file %s is refused in one line: %s", (config, expected) => {
  const folder = folderWith(config);
  const message = refusal({}, {}, folder);
  expect(message).toContain(join(folder, "shelfshack-ws.config.json"));
  expect(message).toContain(expected);
  expect(message).not.toContain("\n");
  expect(message).not.toContain("canary");
});

const long = "k".repeat(100_000);
test.each([
  ["a key", { [long]: 1 }],
  ["a key of an environment", { environments: { dev: { [long]: 1 } } }],
  ["an environment", { environments: { [long]: {} } }],
  ["a variable", { variables: { [`1${long}`]: "" } }],
  ["a variable of an environment", { environments: { dev: { variables: { [`1${long}`]: "" } } } }],
  ["a value", { region: long }],
  ["an address", { backendUrl: `ftp://${long}` }],
  ["a list", { memory: Array.from(long) }],
])("%s of 100,000 characters makes no long message", (_what, config) => {
  expect(refusal({}, {}, folderWith(config)).length).toBeLessThan(1_000);
});

test("a variable of the function is refused by its name: as Lambda reserves it", () => {
  const { schema } = settingTable.variables.type;
  const free = ["AWS_XRAY_CONTEXT_MISSING", "LAMBDA_TASK", "TZ"];
  for (const name of free) expect(v.is(schema, { [name]: "x" })).toBe(true);
  for (const name of reservedVariables) expect(v.is(schema, { [name]: "x" })).toBe(false);
});

/** What makes a program load, run or trust something, or send its calls elsewhere. */
const orders = [
  "NODE_OPTIONS", "NODE_PATH", "NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED",
  "NODE_USE_ENV_PROXY", "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "DYLD_INSERT_LIBRARIES",
  "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "PATH", "HOME", "SHELL", "BASH_ENV", "TMPDIR",
  "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "OPENSSL_CONF", "AWS_CA_BUNDLE",
  "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "https_proxy", "ALL_PROXY",
  "NO_PROXY", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_LAMBDA", "AWS_CONFIG_FILE",
  "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_LAMBDA_EXEC_WRAPPER", "GIT_SSH_COMMAND",
  "JAVA_TOOL_OPTIONS", "RUBYOPT", "PERL5OPT", "CLASSPATH",
]; // prettier-ignore

test.each(orders)("F-01 the variable %s is not taken from a config file", (name) => {
  const message = refusal({}, {}, folderWith({ variables: { [name]: "canary" } }));
  expect(message).toContain(`variables.${name} is ***: `);
  expect(message).not.toContain("canary");
});

test("F-01 names that give no orders are variables like others", () => {
  const variables = Object.fromEntries(
    ["NODE_ENV", "ENV", "LDAP_HOST", "GITHUB_REPOSITORY", "SSH", "MY_PATH", "PATHS", "AWS_MAX_ATTEMPTS"].map(
      (name) => [name, "x"],
    ),
  );
  expect(settled({}, {}, folderWith({ variables })).variables).toEqual(variables);
});

test("F-01 a config file that others may write is refused, above too; no content is quoted", () => {
  const folder = folderWith("secret-canary: 1");
  const file = join(folder, "shelfshack-ws.config.json");
  const below = join(folder, "below");
  mkdirSync(below);
  expect(refusal({}, {}, below)).toBe(`${file}: expected JSON; it is none at line 1, column 1`);
  chmodSync(file, 0o666);
  for (const start of [folder, below])
    expect(refusal({}, {}, start)).toBe(`the config file ${file} is not read: every user may write it`);
  expect(refusal({ config: file })).toBe(`the config file ${file} is not read: every user may write it`);
  writeFileSync(file, " ".repeat(1024 * 1024 + 1));
  chmodSync(file, 0o600);
  expect(refusal({}, {}, below)).toContain("larger than 1048576 bytes");
  rmSync(file);
  symlinkSync(file, file);
  expect(refusal({}, {}, below)).toBe(`the config file ${file} cannot be read: ELOOP`);
  expect(refusal({ config: "/dev/zero" })).toBe(
    "the config file /dev/zero cannot be read: it is no regular file",
  );
});

test.each([
  ['{"memory": 1,}', 1, 14],
  ['{\n  "memory": canary\n}', 2, 13],
  ['{"a": "canary', 1, 14],
  ["", 1, 1],
  ["canary", 1, 1],
  ['{"a": [1, 2}', 1, 12],
])("F-01 JSON %j is refused by the place of its fault", (text, line, column) => {
  const message = refusal({}, {}, folderWith(text));
  expect(message).toMatch(new RegExp(`: expected JSON; it is none at line ${line}, column ${column}$`));
});

test("F-01 the file is named when it is not here, and when it decides where a secret goes", () => {
  const folder = folderWith({ backendUrl: "https://other.example" });
  const file = join(folder, "shelfshack-ws.config.json");
  const below = join(folder, "below");
  mkdirSync(below);
  const notes = (from: string, token: Record<string, string> = {}) =>
    fileNotes(resolve({}, token, from), ["backendUrl", "token", "signingKeys"], from);
  expect(notes(folder)).toEqual([]);
  expect(notes(below)).toEqual([{ kind: "note", message: `settings come from ${file}` }]);
  expect(notes(folder, { SHELFSHACK_TOKEN: "canary" })).toEqual([
    {
      kind: "warning",
      message:
        `SHELFSHACK_TOKEN will be used at the backend https://other.example, which ${file} names: ` +
        "if you mean another backend, pass --backend-url",
    },
  ]);
});

test("where the config file has environments, a command about stacks says that none is chosen", () => {
  const folder = folderWith({ environments: { dev: {}, prod: {} } });
  const notes = (name: CommandName, given: Given) => environmentNotes(name, resolve(given, {}, folder));
  const message = expect.stringMatching(/^no environment of .* is chosen \(--env\): it has dev, prod$/);
  for (const name of ["plan", "deploy", "status", "connect", "test"] as const)
    expect(notes(name, {})).toEqual([{ kind: "note", message }]);
  for (const given of [{ env: "dev" }, { local: true }, { url: "wss://x.example/dev" }])
    expect(notes("connect", given)).toEqual([]);
  expect([...notes("local", {}), ...notes("backend init", {})]).toEqual([]);
  const none = resolve({}, {}, folderWith({ memory: 256 }));
  expect(environmentNotes("plan", none)).toEqual([]);
});

test("the handler's variables are refused exactly where the handler would accept no client", () => {
  const whole = `whsec_${"a".repeat(43)}=`;
  const texts = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(
      whole,
      `${whole},${whole}`,
      `${whole} ${whole},\n`,
      `${whole},${whole},${whole}`,
      `whsec_${"a".repeat(8)}`,
      "whsec_",
      " ",
      ",",
    ),
    fc.constantFrom(
      "/a",
      " /a ",
      "//a",
      "/a/../b",
      "/{type}/{booking_id}",
      "/{other}",
      "a",
      "/a?b",
      "/%41",
      "/ä",
      "/a b",
    ),
    fc.constantFrom("0", "1", " 29000", "29001", "1e3", "-1", "1.5"),
  );
  const names = fc.constantFrom(
    "SIGNING_KEYS",
    "REGISTER_PATH",
    "MESSAGE_PATH",
    "DISCONNECT_PATH",
    "BACKEND_TIMEOUT_MS",
  );
  fc.assert(
    fc.property(names, texts, (name, text) => {
      const { problems } = readConfiguration({ BACKEND_URL: "http://127.0.0.1:9", [name]: text });
      expect(v.safeParse(settingTable.variables.type.schema, { [name]: text }).success).toBe(
        problems.length === 0,
      );
    }),
    { numRuns: 5_000 },
  );
});

test("the config file is found from a folder below, --config names another, which must exist", () => {
  const folder = folderWith({
    $schema: "x",
    region: "eu-central-1",
    timeout: 20,
    variables: { LOG_LEVEL: "debug" },
  });
  const below = join(folder, "a", "b");
  mkdirSync(below, { recursive: true });
  expect(settled({}, {}, below)).toMatchObject({
    region: "eu-central-1",
    functionTimeout: 20,
    variables: { LOG_LEVEL: "debug" },
  });
  expect(settled({ config: join(folder, "shelfshack-ws.config.json") }).region).toBe("eu-central-1");
  expect(refusal({ config: "/nowhere.json" })).toBe("the config file /nowhere.json cannot be read: ENOENT");
});

test("--debug shows where each value came from, and no secret", () => {
  const file = join(
    folderWith({ region: "eu-central-1", variables: { KEY: "canary-1" } }),
    "shelfshack-ws.config.json",
  );
  const lines = sourceLines(
    resolve(
      { config: file, token: "canary-2", url: "wss://x/?token=canary-3" },
      { SHELFSHACK_STAGE: "s" },
      "/",
    ),
  );
  expect(lines).toContain(`region = "eu-central-1" (${file})`);
  expect(lines).toContain('stage = "s" (SHELFSHACK_STAGE)');
  expect(lines).toContain("token = *** (--token)");
  expect(lines).toContain("memory = 256 (default)");
  expect(lines.join("\n")).not.toContain("canary");
});

test("--local and --endpoint-url contradict each other; a variable gives way to --local", () => {
  expect(refusal({ local: true, endpointUrl: "http://127.0.0.1:1" })).toContain("contradict each other");
  expect(settled({ local: true }, { AWS_ENDPOINT_URL: "http://127.0.0.1:1" }).local).toBe(true);
});

/** A value that each source takes for a setting of `exclusions`; nothing where the source cannot name it. */
const examples: Partial<Record<SettingName, string>> = {
  endpointUrl: "http://127.0.0.1:1",
  only: "role",
  source: "src",
  zip: "a.zip",
  roleArn: "arn:aws:iam::123456789012:role/a",
  rolePath: "/team/",
  permissionsBoundary: "arn:aws:iam::123456789012:policy/a",
  script: "a.json",
  expectStatus: "403",
  clients: "2",
  keepalive: "60",
  from: "a.json",
  send: "x",
  messageBytes: "100",
  booking: "1",
  peoplePerBooking: "2",
};

interface Place {
  given?: Given;
  env?: Record<string, string>;
  own?: object;
  top?: object;
}

/** Every source, the nearest first, as it names a setting: for the command line, the variables, the file. */
const places: readonly ((name: SettingName) => Place)[] = [
  (name) => {
    const { flag = "", repeatable } = settingTable[name];
    const word = examples[name] ?? "";
    return flag === "" ? {} : { given: { [name]: flag.includes("<") ? (repeatable ? [word] : word) : true } };
  },
  (name) => {
    const variable = settingTable[name].env?.[0];
    return variable === undefined ? {} : { env: { [variable]: examples[name] ?? "1" } };
  },
  (name) => (settingTable[name].key === undefined ? {} : { own: { [name]: examples[name] } }),
  (name) => (settingTable[name].key === undefined ? {} : { top: { [name]: examples[name] } }),
];

test.each(exclusions.map((row) => [row.pair.join(" and "), row] as const))(
  "of %s the one with the nearer source counts, and a line says so",
  (_words, { pair, refusal: refuses, firstOfVariables }) => {
    const [first, second] = pair;
    let tried = 0;
    for (const [nearFirst, near] of places.entries())
      for (const [nearSecond, far] of places.entries()) {
        const [one, other] = [near(first), far(second)];
        if (Object.keys(one).length === 0 || Object.keys(other).length === 0) continue;
        tried += 1;
        const environment = { ...one.own, ...other.own };
        const folder = folderWith({ ...one.top, ...other.top, environments: { dev: environment } });
        const given = { env: "dev", ...one.given, ...other.given };
        const variables = { ...one.env, ...other.env };
        const isSame = nearFirst === nearSecond && !(firstOfVariables && nearFirst === 1);
        if (isSame && refuses) {
          expect(refusal(given, variables, folder)).toContain("contradict each other");
          continue;
        }
        const { settings, leftOut } = resolve(given, variables, folder);
        const [lost, kept] = nearFirst <= nearSecond ? [second, first] : [first, second];
        expect(settings[kept]).not.toBe(settingTable[kept].default);
        if (isSame) expect(leftOut).toEqual([]);
        else {
          expect(settings[lost]).toBe(settingTable[lost].default);
          expect(leftOut).toEqual([expect.stringContaining(`${lost} (`)]);
        }
      }
    expect(tried).toBeGreaterThan(1);
  },
);

test("every setting says what it means, in one form", () => {
  for (const name of settingNames) {
    const { description, flag, env = [] } = settingTable[name];
    expect(description).toMatch(/^[a-z].*[^.]$/i);
    expect(flag ?? "--x").toMatch(/^--[a-z-]+( <[a-z. ]+>)?$/);
    for (const variable of env) expect(variable).toMatch(/^[A-Z_]+$/);
  }
});

test.each([
  [{ logLevel: "INFO" }],
  [{ logLevel: "INFO", logFormat: "Text" }],
  [{ subnets: "subnet-1" }],
  [{ securityGroups: "sg-1" }],
  [{ subnets: "none", securityGroups: "sg-1" }],
  [{ roleArn: "arn:aws:iam::123456789012:role/a", rolePath: "/team/" }],
])("what Lambda and IAM refuse side by side is refused before any call: %j", (given) => {
  const { settings } = resolve(given, {}, "/");
  expect(() => stackConfig(settings, "us-east-1", undefined)).toThrow(
    expect.objectContaining({ code: "options-contradict" }),
  );
});

test("lists and numbers can be taken back with none; 0 is no limit", () => {
  expect(settled({ subnets: "none", reservedConcurrency: "none" })).toMatchObject({
    subnets: [],
    reservedConcurrency: "none",
  });
  expect(settled({ subnets: "subnet-1, subnet-2" }).subnets).toEqual(["subnet-1", "subnet-2"]);
  for (const given of [{ throttleRate: "0" }, { throttleBurst: "0" }, { subnets: "subnet-1,subnet-1" }])
    expect(refusal(given)).toContain("expected");
  expect(refusal({ reservedConcurrency: "0" })).toContain("or none");
});
