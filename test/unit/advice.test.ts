import { tmpdir } from "node:os";
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { advicePrinter, programOf } from "../../src/cli/print-advice.ts";
import { nextText, typing } from "../../src/cli/next.ts";
import { resolve, type Given } from "../../src/cli/resolve.ts";
import { deploymentText } from "../../src/terminal/changes.ts";
import { nextAfter } from "../../src/verify/proof.ts";
import { unstyled } from "../../src/terminal/style.ts";
import { backendKeys, command, giveKeys, help } from "../../src/errors/advice.ts";

/** The printer of a run with these options, or variables, in an empty folder. */
const printer = (given: Given, variables: Record<string, string> = {}) =>
  advicePrinter(["shelfshack-ws"], resolve(given, variables, tmpdir()));

test("a command is printed with the flags that lead to this run's stack, as far as it takes them", () => {
  const given = { env: "e2e", profile: "people", roleName: "r", stage: "s" };
  const advice = [
    "first: ",
    command("status"),
    "; then: ",
    command("backend check"),
    "; or: ",
    command("demo"),
  ];
  expect(printer(given).text(advice)).toBe(
    "first: shelfshack-ws status --env e2e --profile people --stage s --role-name r; " +
      "then: shelfshack-ws backend check --env e2e --profile people; or: shelfshack-ws demo",
  );
  expect(printer(given).argv(advice)).toEqual([
    ["status", "--env", "e2e", "--profile", "people", "--stage", "s", "--role-name", "r"],
    ["backend", "check", "--env", "e2e", "--profile", "people"],
    ["demo"],
  ]);
});

test("what a variable sets is set for the next command too; the environment is named all the same", () => {
  const set = { SHELFSHACK_ENV: "e2e", AWS_PROFILE: "people", SHELFSHACK_BACKEND_URL: "https://b.example" };
  expect(printer({}, set).text([command("deploy")])).toBe("shelfshack-ws deploy --env e2e");
});

test("options of the advice come first, in the form of their flag", () => {
  const text = (...advice: Parameters<typeof command>) => printer({ env: "e" }).text([command(...advice)]);
  expect(text("deploy", { only: ["role", "policy"] })).toBe(
    "shelfshack-ws deploy --only role,policy --env e",
  );
  expect(text("logs tail", { since: "1h", errors: true, follow: false })).toBe(
    "shelfshack-ws logs tail --since 1h --errors --no-follow --env e",
  );
  expect(text("backend keys", { finish: true, force: false }, "rotate")).toBe(
    "shelfshack-ws backend keys rotate --finish --env e",
  );
  expect(text("connect", { expect: ['{"a":1}', "~it's"] })).toBe(
    `shelfshack-ws connect --expect '{"a":1}' --expect '~it'\\''s' --env e`,
  );
});

test("a deploy of everything names the backend: as it was given, or as a placeholder", () => {
  const deploy = [command("deploy")];
  expect(printer({}).text(deploy)).toBe("shelfshack-ws deploy --backend-url URL");
  expect(printer({ backendUrl: "https://b.example/x" }).argv(deploy)).toEqual([
    ["deploy", "--backend-url", "https://b.example/x"],
  ]);
  expect(printer({ endpointUrl: "http://h:9" }).argv([command("status")])).toEqual([
    ["status", "--endpoint-url", "http://h:9"],
  ]);
  expect(printer({}).text([command("deploy", { codeOnly: true })])).toBe("shelfshack-ws deploy --code-only");
});

test("a command that compares has the options for the stack that its steps use", () => {
  const text = (...advice: Parameters<typeof command>) =>
    printer({ memory: "512", logRetention: "7", handler: "a.b" }).text([command(...advice)]);
  expect(text("status")).toBe("shelfshack-ws status --memory 512 --handler a.b --log-retention 7");
  expect(text("deploy", { only: ["function"] })).toBe(
    "shelfshack-ws deploy --only function --memory 512 --handler a.b",
  );
  expect(text("deploy", { only: ["logs", "role"] })).toBe(
    "shelfshack-ws deploy --only logs,role --log-retention 7",
  );
  expect(text("deploy", { only: ["permission"] })).toBe("shelfshack-ws deploy --only permission");
  expect(text("deploy", { codeOnly: true })).toBe("shelfshack-ws deploy --code-only --handler a.b");
  expect(text("test")).toBe("shelfshack-ws test");
});

test("own code is named to every command that takes it, and needs no backend", () => {
  const text = (...advice: Parameters<typeof command>) =>
    printer({ source: "app", handler: "a.b" }).text([command(...advice)]);
  expect(text("deploy")).toBe("shelfshack-ws deploy --source app --handler a.b");
  expect(text("deploy", { codeOnly: true })).toBe(
    "shelfshack-ws deploy --code-only --source app --handler a.b",
  );
  expect(text("deploy", { only: ["permission"] })).toBe("shelfshack-ws deploy --only permission");
  expect(text("test")).toBe("shelfshack-ws test --source app");
  expect(text("releases")).toBe("shelfshack-ws releases");
});

test("the local AWS at another port is reached by the variable, and started with the option", () => {
  const other = printer({ local: true }, { SHELFSHACK_PORT: "9" });
  expect(other.text(["start: ", command("local"), "; then: ", command("status")])).toBe(
    "start: shelfshack-ws local --port 9; then: SHELFSHACK_PORT=9 shelfshack-ws status --local",
  );
  const local = printer({ env: "e", profile: "people" });
  expect(local.text([command("connect", { local: true, port: 7, booking: "1" })])).toBe(
    "SHELFSHACK_PORT=7 shelfshack-ws connect --local --booking 1 --env e",
  );
  expect(local.text([command("connect", { local: true, port: 4566 })])).toBe(
    "shelfshack-ws connect --local --env e",
  );
});

test("in a JSON result an advice is its text, with the words of its commands beside it", () => {
  const result = {
    next: ["run: ", command("status")],
    rows: [{ fix: "none" }, { fix: command("demo") }],
    ids: ["a"],
  };
  expect(printer({}).json(result)).toEqual({
    next: "run: shelfshack-ws status",
    argv: [["status"]],
    rows: [{ fix: "none" }, { fix: "shelfshack-ws demo", argv: [["demo"]] }],
    ids: ["a"],
  });
});

test("the help of a command, of a group and of the program", () => {
  const advice = ["see: ", help(["logs"]), ", ", help([])];
  expect(printer({ local: true }).text(advice)).toBe("see: shelfshack-ws logs --help, shelfshack-ws --help");
});

test("the zip is made of the code of this run", () => {
  const given = {
    env: "e",
    zip: "a.zip",
    runtime: "python3.13",
    handler: "a.b",
    architecture: "arm64",
    memory: "512",
  };
  expect(printer(given).text([command("package", { out: "p.zip" })])).toBe(
    "shelfshack-ws package --out p.zip --zip a.zip --runtime python3.13 --handler a.b --architecture arm64",
  );
  expect(printer({ env: "e" }).text([command("package")])).toBe("shelfshack-ws package");
});

test("a command begins with the words that start the program again in the same folder", () => {
  const link = "/usr/local/bin/shelfshack-ws";
  const script = "/clones/ws/bin/shelfshack-ws.js";
  const npx = ["npx", "--no-install", "shelfshack-ws"];
  expect(programOf(link, { PATH: "/bin:/usr/local/bin" }, "/")).toEqual(["shelfshack-ws"]);
  expect(programOf(link, { PATH: "/bin" }, "/usr")).toEqual(["node", "local/bin/shelfshack-ws"]);
  expect(programOf(link, { PATH: "/bin", npm_command: "exec" }, "/")).toEqual(npx);
  expect(programOf(link, { PATH: "/usr/local/bin", npm_command: "run-script" }, "/")).toEqual(npx);
  expect(programOf(script, { npm_command: "run-script" }, "/clones/ws")).toEqual([
    "node",
    "bin/shelfshack-ws.js",
  ]);
  expect(programOf(script, {}, "/home")).toEqual(["node", script]);
  expect(programOf("/my clones/ws.js", {}, "/home")).toEqual(["node", "'/my clones/ws.js'"]);
});

test("before the settings are known a command is printed bare", () => {
  expect(advicePrinter(["shelfshack-ws"]).text(["see: ", command("backend init")])).toBe(
    "see: shelfshack-ws backend init",
  );
});

test("what prints keys is printed with a file for them, wherever it is advised", () => {
  const keys = "shelfshack-ws outputs --for backend --out backend.env";
  for (const advice of [[backendKeys()], [command("outputs", { outputsFor: "backend" })]]) {
    expect(printer({}).text(advice)).toBe(keys);
    expect(unstyled(printer({}).screen(advice))).toBe(keys);
    expect(printer({}).json({ advice })).toEqual({ advice: keys, argv: [keys.split(" ").slice(1)] });
  }
  expect(printer({}).text(giveKeys(command("test")))).toContain(`${keys}; then restart the backend`);
  expect(printer({}).text(nextText(typing(backendKeys())))).toMatch(
    / --out backend\.env\nthen, .*: \S+ test$/,
  );
  expect(printer({}).text([command("outputs", { outputsFor: "frontend" })])).not.toContain("--out");
});

test("a deploy that tested nothing names a test; own code without a backend has none to be told of", () => {
  const client = { owner: "shipped", booking: "7", token: undefined, tokenStdin: true } as const;
  expect(printer({}).text([nextAfter(null, client)])).toBe("shelfshack-ws test --booking 7 --token-stdin");
  const facts = {
    changed: false,
    resources: [],
    code: { bytes: 1, sha256: "x" },
    url: "wss://h.example/dev",
  };
  const said = (backendUrl: string | null) =>
    printer({}).text(deploymentText({ ...facts, backendUrl } as never));
  expect(said("https://b.example")).toMatch(/for the backend's environment:\n {2}\S.* --out backend\.env$/);
  expect(said(null)).toMatch(/VITE_WS_API_ENDPOINT=wss:\/\/h.example\/dev$/);
});

test("no text of the project names what prints keys without a file for them", () => {
  const root = new URL("../../", import.meta.url);
  const files = ["src", "handler"].flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" })
      .filter((file) => /\.(ts|js|py|md|html)$/.test(file))
      .map((file) => `${folder}/${file}`),
  );
  const bare = ["README.md", ".github/demo.svg", ...files].flatMap((file) =>
    [...readFileSync(new URL(file, root), "utf8").matchAll(/\boutputs\b[^`"\n]* --for backend\b[^`"\n]*/g)]
      .map(([line]) => line)
      .filter((line) => !line.includes(" --out "))
      .map((line) => `${file}: ${line}`),
  );
  expect(bare).toEqual([]);
});

test("no text in the code names a command by itself: it would be printed without this run's flags", () => {
  const root = new URL("../../src/", import.meta.url);
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
  const naming = files.flatMap((file) =>
    [
      ...readFileSync(new URL(file, root), "utf8").matchAll(
        /^(?! *(?:\*|\/\/|\/\*)).*\bshelfshack-ws [a-z].*/gm,
      ),
    ].map(([line]) => `${file}: ${line.trim()}`),
  );
  expect(naming.filter((line) => !allowed.some((one) => line.includes(one)))).toEqual([]);
});

/** A mark in AWS, a client's name, the help of an option, and an example in a help text. */
const allowed = [
  'const DEPLOYMENT_PREFIX = "shelfshack-ws routes "',
  'user_agent: "shelfshack-ws backend check"',
  "settings/table.ts",
  "verify/backend/",
  "the same with your own backend; then, elsewhere:",
  "was not created by shelfshack-ws",
];
