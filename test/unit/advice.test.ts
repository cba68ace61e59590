import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { explainFrame, explainHandshake, type HandshakeFailure } from "../../src/client/handshake.ts";
import { explain } from "../../src/errors/explain.ts";
import { resolve } from "../../src/cli/resolve.ts";
import { withRunFlags, withNpx, type Aim } from "../../src/cli/print-advice.ts";

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
  for (const failure of failures) expectFlagsBetweenWords(aim, explainHandshake(failure, address).hint);
  for (const message of ["Internal server error", "Forbidden", "Endpoint request timed out"])
    expectFlagsBetweenWords(aim, frame(message));
  expect(aim(explainHandshake({ kind: "status", status: 403, body: "" }, address).hint)).toBe(
    `shelfshack-ws status${flags} shows the stage; shelfshack-ws logs tail${flags} --since 5m shows whether the function was asked`,
  );
  expect(
    aim(explain(Object.assign(new Error("no"), { name: "CredentialsProviderError" })).hint ?? ""),
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
