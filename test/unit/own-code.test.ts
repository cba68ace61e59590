import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { pipEnvironment } from "../../src/artifact/pip-settings.ts";
import { requirementsOf } from "../../src/artifact/requirements.ts";
import { codeFor } from "../../src/code/code.ts";
import { CliError } from "../../src/errors/error.ts";
import { openZip } from "../../src/files/zip-list.ts";
import { rawZipOf, zipOf } from "../support/zip.ts";

/** A folder with these files, removed with the test. */
function folderWith(files: Record<string, string> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "own-code-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

const run = { report: () => undefined, signal: new AbortController().signal };
const python = { runtime: "python3.12", handler: "lambda_function.lambda_handler" };
const node = { runtime: "nodejs24.x", handler: "index.handler" };

const code = (own: { source?: string; zip?: string; handler: string; runtime: string }) =>
  codeFor({ source: undefined, zip: undefined, local: false, architecture: "x86_64", ...own }, run);

/** How code is refused: error code, exit code and text. */
async function refusal(own: Parameters<typeof code>[0]) {
  const error = await code(own).then(
    () => expect.unreachable(),
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(CliError);
  const { code: errorCode, exitCode, message, hint } = error as CliError;
  expect(exitCode).toBe(2);
  return { code: errorCode, text: `${message}\n${String(hint)}` };
}

test("S9 the folder of a stack made by hand: what is for people and tools stays behind", async () => {
  const source = folderWith({
    "lambda_function.py": "def lambda_handler(event, context): ...",
    "lib/helper.py": "",
    "lib/README.md": "data of a package",
    "README.md": "",
    "deploy.sh": "",
    "websocket_proxy.zip": "an earlier one",
    "shelfshack-ws.config.json": "{}",
    ".env": "SECRET=1",
    "prod.env": "SECRET=1",
    ".git/config": "",
    "__pycache__/lambda_function.cpython-312.pyc": "",
    "lib/old.pyc": "",
    "env/pyvenv.cfg": "",
    "env/lib/x.py": "",
    "node_modules/x/index.js": "",
  });
  const { entries } = await code({ source, ...python });
  expect(entries.map(({ name }) => name)).toEqual(["lambda_function.py", "lib/README.md", "lib/helper.py"]);
});

test("C-11 the same folder elsewhere gives the same bytes; what runs stays executable", async () => {
  const files = { "index.mjs": "export const handler = 1;", "bin/tool": "#!/bin/sh", "ü/ b.txt": "x" };
  const folders = [folderWith(files), folderWith(Object.fromEntries(Object.entries(files).toReversed()))];
  for (const folder of folders) chmodSync(join(folder, "bin/tool"), 0o755);
  const [one, other] = await Promise.all(folders.map((source) => code({ source, ...node })));
  expect(one?.sha256).toBe(other?.sha256);
  const { file, entries } = await openZip(one?.zip ?? new Uint8Array());
  file.close();
  const modes = entries.map(({ fileName, externalFileAttributes }) => [
    fileName,
    (externalFileAttributes >>> 16) & 0o777,
  ]);
  expect(modes).toEqual([
    ["bin/tool", 0o755],
    ["index.mjs", 0o644],
    ["ü/ b.txt", 0o644],
  ]);
});

test("packages that npm installed for development stay behind", async () => {
  const source = folderWith({
    "index.mjs": "",
    "package.json": JSON.stringify({ dependencies: { a: "1" }, devDependencies: { b: "1" } }),
    "node_modules/.package-lock.json": JSON.stringify({
      packages: { "node_modules/a": {}, "node_modules/b": { dev: true } },
    }),
    "node_modules/a/package.json": "{}",
    "node_modules/b/package.json": "{}",
    "node_modules/.bin/b": "",
  });
  const { entries } = await code({ source, ...node });
  expect(entries.map(({ name }) => name)).toEqual([
    "index.mjs",
    "node_modules/a/package.json",
    "package.json",
  ]);
  // What is no such list says nothing.
  for (const list of ["null", '{"packages":null}', '{"packages":{"node_modules/b":null}}']) {
    writeFileSync(join(source, "node_modules/.package-lock.json"), list);
    expect((await code({ source, ...node })).entries).toHaveLength(4);
  }
});

test("a link within the folder is followed; what a zip must not hold is refused by name", async () => {
  const source = folderWith({ "index.mjs": "", "lib/a.mjs": "a" });
  symlinkSync("lib/a.mjs", join(source, "b.mjs"));
  symlinkSync("lib", join(source, "again"));
  const { entries } = await code({ source, ...node });
  expect(entries.map(({ name }) => name)).toEqual(["again/a.mjs", "b.mjs", "index.mjs", "lib/a.mjs"]);

  const rows: [string, (place: string) => void][] = [
    ["leads out of the folder", (place) => symlinkSync("/etc/hostname", place)],
    ["leads nowhere", (place) => symlinkSync("not-there", place)],
    ["a folder that it is in", (place) => symlinkSync(".", place)],
    ["a pipe, a socket or a device", (place) => execFileSync("mkfifo", [place])],
    ["a control character or a backslash", (place) => writeFileSync(`${place}\u001b[31m`, "")],
    ["a control character or a backslash", (place) => writeFileSync(`${place}\\b`, "")],
  ];
  for (const [fault, make] of rows) {
    const folder = folderWith({ "index.mjs": "", "lib/x": "" });
    make(join(folder, "lib", "odd"));
    const { code: errorCode, text } = await refusal({ source: folder, ...node });
    expect({ errorCode, text }).toEqual({
      errorCode: "source-unusable",
      text: expect.stringContaining(fault),
    });
    expect(text).not.toContain("\u001b");
    expect(text).toContain("lib/odd");
  }
});

test("a folder without the handler, its packages or the bundler it needs is refused", async () => {
  const file = join(folderWith({ a: "" }), "a");
  expect(await refusal({ source: file, ...node })).toMatchObject({ code: "source-unusable" });
  const empty = await refusal({ source: folderWith({ "app.py": "" }), ...node });
  expect(empty).toMatchObject({
    code: "handler-missing",
    text: expect.stringContaining("app.lambda_handler"),
  });
  const typescript = await refusal({ source: folderWith({ "index.ts": "" }), ...node });
  expect(typescript.code).toBe("bundler-missing");
  const dependencies = { "index.mjs": "", "package.json": '{"dependencies":{"left-pad":"1"}}' };
  const missing = await refusal({ source: folderWith(dependencies), ...node });
  expect(missing).toMatchObject({ code: "bundler-missing", text: expect.stringContaining("left-pad") });
});

test("a folder in TypeScript becomes one file, with the esbuild of its project", async () => {
  const source = folderWith({
    "src/app.ts": 'import { one } from "./one.ts";\nexport const handler = async (): Promise<number> => one;',
    "src/one.ts": "export const one: number = 1;",
  });
  symlinkSync(join(import.meta.dirname, "../../node_modules"), join(source, "node_modules"));
  const own = { source, handler: "src/app.handler", runtime: "nodejs24.x" };
  const first = await code(own);
  expect(first.entries.map(({ name }) => name)).toEqual(["src/app.cjs"]);
  expect((await code(own)).sha256).toBe(first.sha256);
  writeFileSync(join(source, "src/one.ts"), "export const one = ;");
  const broken = await refusal(own);
  expect(broken).toMatchObject({ code: "bundle-failed", text: expect.stringContaining("src/one.ts:1") });
});

test("a zip is taken byte for byte; what is none, or no function's, is refused", async () => {
  const folder = folderWith();
  const file = (name: string, bytes: Uint8Array) => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  const good = await zipOf({ "index.mjs": "export const handler = 1;" });
  const taken = await code({ zip: file("good.zip", good), ...node });
  expect(Buffer.from(taken.zip).equals(good)).toBe(true);
  const rows: [string, string][] = [
    [file("text.zip", Buffer.from("no zip")), "zip-invalid"],
    [file("out.zip", rawZipOf([{ name: "../index.mjs" }])), "zip-invalid"],
    [file("link.zip", rawZipOf([{ name: "index.mjs", content: "/etc", mode: 0o120777 }])), "zip-invalid"],
    [
      file("bomb.zip", rawZipOf([{ name: "index.mjs", method: 8, uncompressedSize: 2 ** 30 }])),
      "zip-too-large",
    ],
    [file("other.zip", await zipOf({ "app.py": "" })), "handler-missing"],
    [folder, "zip-invalid"],
    [join(folder, "not-there.zip"), "zip-invalid"],
  ];
  for (const [zip, errorCode] of rows)
    expect(await refusal({ zip, ...node })).toMatchObject({ code: errorCode });
});

// prettier-ignore
const linesThatRunCode = [
  "-e .", "--editable=.", "--edit lib", "./lib", "../lib", "/opt/lib", "lib/.", "lib/", "C:\\lib",
  "lib.zip", "x-1.0.tar.gz", "x.whl[a]", "x @ lib", "file:///opt/lib", "x @ file:///opt/lib",
  "git+https://example.com/x.git", "x @ git+https://example.com/x.git",
  "https://example.com/x.tar.gz", "x @ https://example.com/x.whl.tar.gz",
  "--no-binary :all:", "--no-bin=:all:", "requests --no-binary :all:", "requests -e .", "+AC4-/lib", "x y",
  "-r https://example.com/more.txt", "-r ../other.txt", "-c /etc/hosts", "${HOME}", "-r ${HOME}/more.txt",
  "--index-url https://example.com/${GITHUB_TOKEN}/simple", "--find-links ${TOKEN}",
];

test("requirements that pip would have to build a package for are refused with their line", () => {
  for (const line of linesThatRunCode) {
    const folder = folderWith({ "requirements.txt": "-r more.txt\n", "more.txt": `requests\n${line}\n` });
    expect(() => requirementsOf(folder)).toThrow(JSON.stringify(line));
  }
  // As pip joins them.
  const broken = folderWith({ "requirements.txt": "--no-\\\nbinary :all:\n.\\\r\n/lib\n" });
  expect(() => requirementsOf(broken)).toThrow('"--no-binary :all:"');
  expect(requirementsOf(folderWith())).toBeUndefined();
  expect(requirementsOf(folderWith({ "requirements.txt": "# none\n\n--no-index\n" }))).toBeUndefined();
  const looped = folderWith({ "requirements.txt": "-r requirements.txt\n" });
  expect(() => requirementsOf(looped)).toThrow("names a file that names it");
  // A line of a file outside may be anything.
  const outside = join(folderWith({ netrc: "\nmachine example.com password s3cret" }), "netrc");
  const reading = folderWith({ "requirements.txt": `-r ${outside}` });
  expect(() => requirementsOf(reading)).toThrow(`"-r ${outside}" leads out of the folder`);
  const linked = folderWith({ "requirements.txt": "-r in.txt" });
  symlinkSync(outside, join(linked, "in.txt"));
  expect(() => requirementsOf(linked)).toThrow('"-r in.txt" leads out of the folder');
  const password = folderWith({ "requirements.txt": "x @ git+https://ann:s3cret@example.com/x.git" });
  expect(() => requirementsOf(password)).toThrow('"x @ git+https://***@example.com/x.git"');
});

test("what pip gets is what files ask for, in one, and nothing that changes what is built", () => {
  const digest = `--hash=sha256:${"0a".repeat(32)}`;
  const found = folderWith({ "wheels/x": "" });
  const folder = folderWith({
    "requirements.txt": `
      --only-binary :none:  # no effect
      --index-url=https://ann:s3cret@example.com/simple
      requests[socks] >=2.32, <3 ; python_version > "3.8" and sys_platform == 'linux'
      certifi==2024.8.30 \\
        ${digest} \\
        ${digest}
      x @ https://example.com/x-1.0-py3-none-any.whl#sha256=00
      -f ${found}/wheels
      -r "more files.txt"
      -c limits.txt`,
    "more files.txt": "six",
    "limits.txt": "--pre\nidna<4",
  });
  const { packages, limits } = requirementsOf(folder) ?? expect.unreachable();
  expect(packages).toEqual([
    "--index-url=https://ann:s3cret@example.com/simple",
    "requests[socks] >=2.32, <3 ; python_version > \"3.8\" and sys_platform == 'linux'",
    `certifi==2024.8.30 ${digest} ${digest}`,
    "x @ https://example.com/x-1.0-py3-none-any.whl#sha256=00",
    `--find-links ${found}/wheels`,
    "six",
    "--pre",
  ]);
  expect(limits).toEqual(["idna<4"]);
  const powershell = folderWith();
  writeFileSync(join(powershell, "requirements.txt"), Buffer.from("\uFEFFsix==1.16.0\r\n", "utf16le"));
  expect(requirementsOf(powershell)?.packages).toEqual(["six==1.16.0"]);
});

test("pip gets what it needs of the environment, and no secret", () => {
  const needed = { PATH: "/bin", PIP_INDEX_URL: "https://example.com/simple", https_proxy: "x", LC_ALL: "C" };
  expect(pipEnvironment({ ...needed, GITHUB_TOKEN: "s3cret", AWS_PROFILE: "x", PIPX: "x" })).toEqual(needed);
});

test("requirements are told apart by all that they and the files that they name say", () => {
  const hash = (constraint: string, comment = "") =>
    requirementsOf(
      folderWith({ "requirements.txt": `requests ${comment}\n-c limits.txt\n`, "limits.txt": constraint }),
    )?.hash;
  expect(hash("requests<3")).toBe(hash("requests<3", "# a comment"));
  expect(hash("requests<3")).not.toBe(hash("requests<2"));
});
