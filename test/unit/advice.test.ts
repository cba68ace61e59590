import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { explainFrame, explainHandshake, type HandshakeFailure } from "../../src/client/handshake.ts";
import { explain } from "../../src/errors/explain.ts";
import { resolve, type Given } from "../../src/cli/resolve.ts";
import { advicePrinter, withRunFlags, withNpx, type Aim } from "../../src/cli/print-advice.ts";
import { command } from "../../src/errors/advice.ts";

const root = new URL("../../", import.meta.url);
const flags = " --local --env e2e --profile people";

/** The aim of a run with `--local --env e2e --profile people`. */
const aimed = (): Promise<Aim> =>
  withRunFlags(resolve({ local: true, env: "e2e", profile: "people" }, {}, tmpdir()), () =>
    Promise.resolve([]),
  );

/** What a text is without the flags that the aim has put into it. */
const withoutFlags = (text: string) => text.replaceAll(flags, "").replaceAll(" --backend-url URL", "");

function expectFlagsBetweenWords(aim: Aim, text: string): void {
  const said = aim(text);
  expect(withoutFlags(said)).toBe(text);
  expect(said.split(flags).slice(1).join("\n")).not.toMatch(/^[\w-]/m);
}

const address = new URL("wss://abc.execute-api.us-east-1.amazonaws.com/dev");

const failures: HandshakeFailure[] = [
  ...Array.from({ length: 500 }, (_, index) => ({ kind: "status", status: 100 + index, body: "" }) as const),
  ...[
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "EHOSTUNREACH",
    "CERT_HAS_EXPIRED",
    "EPROTO",
    "ECONNRESET",
    "EELSE",
  ].map((code) => ({ kind: "network", phase: "connect", code, detail: "" }) as const),
  ...(["lookup", "connect", "tls", "upgrade"] as const).map(
    (phase) => ({ kind: "timeout", phase, afterMs: 5 }) as const,
  ),
  { kind: "protocol", detail: "an answer" },
];

test("S20 what leads to the stack goes behind a command's own words into every explanation of a handshake", async () => {
  const aim = await aimed();
  const frame = (message: string) =>
    explainFrame(JSON.stringify({ message, connectionId: "c", requestId: "r" })) ?? "";
  for (const failure of failures)
    expectFlagsBetweenWords(aim, String(explainHandshake(failure, address).hint));
  for (const message of ["Internal server error", "Forbidden", "Endpoint request timed out"])
    expectFlagsBetweenWords(aim, frame(message));
  expect(aim(explainHandshake({ kind: "status", status: 403, body: "" }, address).hint)).toBe(
    `shelfshack-ws status${flags} shows the stage; shelfshack-ws logs tail${flags} --since 5m shows whether the function was asked`,
  );
  expect(
    aim(String(explain(Object.assign(new Error("no"), { name: "CredentialsProviderError" })).hint)),
  ).toContain("try: shelfshack-ws demo");
});

test("the same holds for every text of the program that names a command", async () => {
  const aim = await aimed();
  const files = readdirSync(new URL("src", root), { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
  const texts = files
    .flatMap(
      (file) =>
        readFileSync(new URL(`src/${file}`, root), "utf8").match(/"(?:[^"\\\n]|\\.)*"|`[^`]*`/g) ?? [],
    )
    .filter((text) => /shelfshack-ws [a-z]/.test(text));
  expect(texts.length).toBeGreaterThan(40);
  for (const text of texts) expectFlagsBetweenWords(aim, text);
});

test("`backend keys` keeps its own words in front of the flags", async () => {
  const aim = await aimed();
  expect(aim("run: shelfshack-ws backend keys rotate --finish")).toBe(
    `run: shelfshack-ws backend keys rotate${flags} --finish`,
  );
  expect(aim("shelfshack-ws backend keys rotates them")).toBe(
    `shelfshack-ws backend keys${flags} rotates them`,
  );
});

test("npx is put in front of commands where npx has started the program, and of nothing else", () => {
  const text =
    "shelfshack-ws status shows it; in another terminal: SHELFSHACK_PORT=9 shelfshack-ws local; npx shelfshack-ws demo; shelfshack-ws on f";
  expect(withNpx({ npm_command: "exec" })(text)).toBe(
    "npx shelfshack-ws status shows it; in another terminal: SHELFSHACK_PORT=9 npx shelfshack-ws local; npx shelfshack-ws demo; shelfshack-ws on f",
  );
  for (const started of [{}, { npm_command: "run-script" }]) expect(withNpx(started)(text)).toBe(text);
});

/** The printer of a run with these options, or variables, in an empty folder. */
const printer = (given: Given, variables: Record<string, string> = {}) =>
  advicePrinter(variables, resolve(given, variables, tmpdir()));

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

test("the local AWS at another port is reached by the variable, and started with the option", () => {
  const other = printer({ local: true }, { SHELFSHACK_PORT: "9", npm_command: "exec" });
  expect(other.text(["start: ", command("local"), "; then: ", command("status")])).toBe(
    "start: npx --no shelfshack-ws local --port 9; then: SHELFSHACK_PORT=9 npx --no shelfshack-ws status --local",
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

test("before the settings are known a command is printed bare", () => {
  expect(advicePrinter({}).text(["see: ", command("backend init")])).toBe("see: shelfshack-ws backend init");
});
