import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { errorCode, needsTerminal, run, start } from "../support/program.ts";

const name = "shelfshack-ws.config.json";
const backendUrl = "https://api.example.com";

function folder(): string {
  const made = realpathSync(mkdtempSync(join(tmpdir(), "init-")));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

const configIn = (cwd: string, file = name) => JSON.parse(readFileSync(join(cwd, file), "utf8"));

test("init --yes takes the answers from options, and the schema that it names is there", async () => {
  const cwd = folder();
  const options = ["--backend-url", backendUrl, "--region", "eu-west-1", "--environments", "dev, prod"];
  const { code, stdout } = await run(["init", "--yes", ...options], { cwd });
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining(`${name} written`) });
  expect(stdout).toContain("plan --env dev");
  const { $schema, ...config } = configIn(cwd);
  expect(config).toEqual({ backendUrl, region: "eu-west-1", environments: { dev: {}, prod: {} } });
  expect(JSON.parse(readFileSync(join(cwd, $schema), "utf8"))).toMatchObject({ title: name });
  const unknown = await run(["status", "--env", "prdo", "--json"], { cwd });
  expect([unknown.code, errorCode(unknown)]).toEqual([2, "environment-unknown"]);
});

test.each([
  [[backendUrl], "plan --region REGION"],
  [[backendUrl, "--region", "eu-west-1"], "plan"],
  [
    [backendUrl, "--environments", "dev", "--config", "c.json"],
    "plan --env dev --config c.json --region REGION",
  ],
  [["http://127.0.0.1:8000"], "local"],
  [["http://localhost:8000", "--environments", "dev,prod"], "local --env dev"],
])("after init with %j the next step is one that runs", async (words, next) => {
  const { stdout } = await run(["init", "--yes", "--backend-url", ...words, "--json"], { cwd: folder() });
  expect(JSON.parse(stdout).next).toMatchObject([{ argv: [next.split(" ")] }]);
});

test("a profile's region need not be written; one that AWS may not have is a warning", async () => {
  const cwd = folder();
  writeFileSync(join(cwd, "aws"), "[default]\nregion = eu-west-1\n");
  const options = { cwd, env: { AWS_CONFIG_FILE: join(cwd, "aws") } };
  const { stdout } = await run(["init", "--yes", "--backend-url", backendUrl, "--json"], options);
  expect(JSON.parse(stdout)).toMatchObject({ next: [{ argv: [["plan"]] }], settings: { backendUrl } });
  const { code, stderr } = await run(["status", "--region", "us-esat-1"], options);
  expect([code, stderr]).toEqual([2, expect.stringContaining("did you mean us-east-1?")]);
});

test("the schema of the project's own package is named", async () => {
  const cwd = folder();
  const dist = join(cwd, "node_modules/shelfshack-ws/dist");
  mkdirSync(dist, { recursive: true });
  writeFileSync(join(dist, "config.schema.json"), "{}");
  await run(["init", "--yes", "--backend-url", backendUrl, "--config", "team.json"], { cwd });
  expect(configIn(cwd, "team.json").$schema).toBe("./node_modules/shelfshack-ws/dist/config.schema.json");
});

test("init overwrites nothing, and does not read a config file above", async () => {
  const above = folder();
  writeFileSync(join(above, name), '{"backendUrl":"https://above.example"}');
  const cwd = join(above, "below");
  mkdirSync(cwd);
  const none = await run(["init", "--yes", "--json"], { cwd });
  expect([none.code, errorCode(none)]).toEqual([2, "no-backend-url"]);
  const { stderr } = await run(["init", "--yes", "--backend-url", backendUrl], { cwd });
  expect(stderr).toContain(`${join(above, name)} will not be read below ${cwd}`);
  const before = readFileSync(join(cwd, name), "utf8");
  const again = await run(["init", "--yes", "--backend-url", "https://other.example", "--json"], { cwd });
  expect([again.code, errorCode(again)]).toEqual([4, "file-kept"]);
  expect(readFileSync(join(cwd, name), "utf8")).toBe(before);
  symlinkSync(join(cwd, "elsewhere.json"), join(cwd, "link.json"));
  const link = await run(["init", "--yes", "--backend-url", backendUrl, "--config", "link.json", "--json"], {
    cwd,
  });
  expect([link.code, errorCode(link)]).toEqual([2, "file-unusable"]);
});

test("init refuses what it would not read, and to ask where there is no terminal", async () => {
  const cwd = folder();
  for (const [options, expected] of [
    [["--backend-url", backendUrl], "confirmation-needed"],
    [["--yes", "--backend-url", "api.example.com"], "value-invalid"],
    [["--yes", "--backend-url", backendUrl, "--environments", "Dev"], "value-invalid"],
    [["--yes", "--backend-url", backendUrl, "--environments", "dev", "--env", "prod"], "environment-unknown"],
  ] as const) {
    const ended = await run(["init", ...options, "--json"], { cwd });
    expect([ended.code, errorCode(ended)]).toEqual([2, expected]);
  }
  expect(() => configIn(cwd)).toThrow("ENOENT");
});

test("init asks on a terminal, again after a wrong answer; Enter takes what is shown", async (context) => {
  needsTerminal(context);
  const cwd = folder();
  const init = start(["init", "--no-color"], { cwd, columns: 120, env: { AWS_REGION: "us-east-1" } });
  const answers: [RegExp, string][] = [
    [/Enter takes[^]*the backend's URL, such as https:\/\/\S+ \[none\]: /, "api.example.com"],
    [/begins with http[^]* \[none\]: /, backendUrl],
    [/AWS region \[us-east-1\]: /, "us-esat-1"],
    [/Enter takes us-east-1[^]*AWS region \[us-east-1\]: /, ""],
    [/account[^\n]* \[none\]: /, ""],
    [/environments, such as dev,prod \[none\]: /, "dev,prod"],
    [/dev: the backend's URL \[https:\/\/api.example.com\]: /, ""],
    [/dev: AWS region \[us-east-1\]: /, ""],
    [/dev: [^\n]*account[^\n]* \[none\]: /, ""],
    [/prod: the backend's URL \[https:\/\/api.example.com\]: /, "https://prod.example.com"],
    [/prod: AWS region \[us-east-1\]: /, "eu-wset-9"],
    [/Enter takes eu-west-9[^]*prod: AWS region \[eu-west-9\]: /, "eu-wset-9"],
    [/prod: [^\n]*account[^\n]* \[none\]: /, "123456789012"],
  ];
  for (const [question, answer] of answers) {
    await init.says(question);
    init.type(`${answer}\n`);
  }
  expect((await init.ended).code).toBe(0);
  expect(configIn(cwd)).toMatchObject({
    backendUrl,
    region: "us-east-1",
    environments: {
      dev: {},
      prod: { backendUrl: "https://prod.example.com", region: "eu-wset-9", account: "123456789012" },
    },
  });
});

test("an environment's region is a guard: another one is refused before any call", async () => {
  const cwd = folder();
  writeFileSync(join(cwd, name), JSON.stringify({ environments: { prod: { region: "eu-west-1" } } }));
  const env = { AWS_REGION: "us-east-1" };
  const refused = await run(["status", "--env", "prod", "--json"], { cwd, env });
  expect([refused.code, errorCode(refused)]).toEqual([4, "region-other"]);
  const { code } = await run(["package", "--env", "prod", "--out", join(cwd, "p.zip")], { cwd, env });
  expect(code).toBe(0);
});
