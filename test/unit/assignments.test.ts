import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import type { CliError } from "../../src/errors/error.ts";
import { dotenvLine, githubLine, terraformLine, variableLine } from "../../src/terminal/assignments.ts";
import { safe } from "../../src/terminal/safe.ts";

const attacks = [
  "$(touch P)",
  "x; touch P",
  "`touch P`",
  "x&&touch P",
  "x\ntouch P",
  "whsec_AAA= touch\tP",
  "x|touch P",
  ">P",
  "x\rP=1",
  "'$(touch P)'",
  "${HOME}",
  "~",
  "a b",
  "#",
  "\\",
  '"',
];

/** The line, or undefined where it is refused; a refusal does not repeat the value. */
function lineOf(form: typeof variableLine, value: string): string | undefined {
  try {
    return form("NAME", value);
  } catch (error) {
    expect(error).toMatchObject({ code: "value-unprintable", exitCode: 1 });
    if (value.length > 3) expect((error as CliError).message).not.toContain(value);
    return undefined;
  }
}

test.each(attacks)("F-02 %j never becomes a line of a shell or a dotenv file", (value) => {
  expect(lineOf(variableLine, value)).toBe(undefined);
});

test("F-02 what is printed for a shell says the value there and does nothing else", () => {
  const folder = mkdtempSync(join(tmpdir(), "assignments-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const values = [
    ...fc.sample(fc.string({ unit: "binary", maxLength: 6 }), 1_000),
    ...fc.sample(fc.stringMatching(/^[\w+/=,:.@%-]*$/), 200),
    ...attacks,
    "whsec_AAAA+/=,whsec_BBBB==",
    "wss://abc.execute-api.us-east-1.amazonaws.com/dev",
  ];
  const lines = values.flatMap((value) => lineOf(variableLine, value) ?? []);
  expect(lines.length).toBeGreaterThan(200);
  const script = lines.map((line) => `${line}\nprintf '%s\\n' "$NAME"`).join("\n");
  writeFileSync(join(folder, "script"), script);
  const said = execFileSync("sh", ["script"], { cwd: folder, encoding: "utf8" });
  expect(said).toBe(`${lines.map((line) => line.slice("NAME=".length)).join("\n")}\n`);
  expect(readdirSync(folder)).toEqual(["script"]);
});

test("F-02 an output of a step is one line", () => {
  expect(lineOf(githubLine, "wss://x/$default?a=<<b")).toBe("NAME=wss://x/$default?a=<<b");
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (value) => {
      const line = lineOf(githubLine, value);
      return line === undefined || !/[\r\n\p{Cc}\u2028]/u.test(line);
    }),
    { numRuns: 1_000 },
  );
});

/** What HCL makes of a quoted text without templates. */
const fromHcl = (text: string): string =>
  text.replaceAll(
    /\$\$\{|%%\{|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})|\\(.)/g,
    (found, short, long, plain) =>
      plain ?? (short || long ? String.fromCodePoint(Number.parseInt(short ?? long, 16)) : found.slice(1)),
  );

test("F-02 a value for Terraform is the same there: no template, no end of the text, safe to print", () => {
  expect(terraformLine("a", '${file("/etc/passwd")} %{ if } "\\')).toBe(
    'a = "$${file(\\"/etc/passwd\\")} %%{ if } \\"\\\\"',
  );
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary" }), (readable, any) => {
      for (const value of [readable, any, `\${${any}`]) {
        const line = lineOf(terraformLine, value);
        if (line === undefined) continue;
        expect(safe(line)).toBe(line);
        expect(line).toMatch(/^NAME = "([^"\\\n]|\\.)*"$/);
        expect(line.replaceAll(/\$\$\{|%%\{/g, "")).not.toMatch(/[$%]\{/);
        expect(fromHcl(line.slice('NAME = "'.length, -1))).toBe(value);
      }
    }),
    { numRuns: 500 },
  );
});

test("a value for dotenv is the same there: quoted where needed, refused where dialects differ", () => {
  expect(dotenvLine("NAME", "wss://a.example/dev")).toBe("NAME=wss://a.example/dev");
  expect(dotenvLine("NAME", ' a "b" # c\u00e9 ')).toBe("NAME=' a \"b\" # c\u00e9 '");
  for (const value of ["it's", "$HOME", "a\\nb", "a\nb", "`touch P`"])
    expect(lineOf(dotenvLine, value)).toBeUndefined();
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string(), (readable, any) => {
      for (const value of [readable, any]) {
        const line = lineOf(dotenvLine, value);
        if (line !== undefined) expect(parseEnv(`${line}\nNEXT=1\n`)).toEqual({ NAME: value, NEXT: "1" });
      }
    }),
    { numRuns: 500 },
  );
});
