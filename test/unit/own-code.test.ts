import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
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

const hashed = `six==1.16.0 --hash=sha256:${"0a".repeat(32)}`;
/**
 * Every form of pip's files, by pip's own list of their options, and what pip gets of it: the same line where
 * only `as` says nothing else; `fault` for what is refused. FOLDER is the source folder.
 */
const forms: Readonly<Record<string, readonly { line: string; as?: string[]; fault?: string }[]>> = {
  package: [
    { line: "six" },
    { line: "six==1.16.0" },
    { line: "x @ https://example.com/x-1.0-py3-none-any.whl" },
    { line: "lib/", fault: "is not understood" },
    { line: "../lib", fault: "is a path" },
    { line: "x @ file:///opt/x-1.0-py3-none-any.whl", fault: "is a path" },
    { line: "file:x-1.0-py3-none-any.whl", fault: "is a path" },
    { line: "x-1.0-py3-none-any.whl", fault: "is not understood" },
  ],
  "-i --index-url --pypi-url": [
    { line: "-i https://example.com/simple" },
    { line: "--index-url=https://example.com/simple" },
    { line: "-i /opt/simple", fault: "is no http or https address" },
    { line: "--index-url file:///opt/simple", fault: "is no http or https address" },
    { line: "--pypi-url https://example.com/simple", fault: "is not understood" },
  ],
  "--extra-index-url": [
    { line: "--extra-index-url https://example.com/simple" },
    { line: "--extra-index-url ../simple", fault: "is no http or https address" },
  ],
  "-f --find-links": [
    { line: "-f https://example.com/links.html", as: ["--find-links https://example.com/links.html"] },
    { line: "-f wheels", as: ['--find-links "FOLDER/wheels"'] },
    { line: "-fwheels", as: ['--find-links "FOLDER/wheels"'] },
    { line: "--find-links=./wheels/", as: ['--find-links "FOLDER/wheels"'] },
    { line: "--find-links .", as: ['--find-links "FOLDER"'] },
    { line: "--find-links ..", fault: "leads out of the folder" },
    { line: "--find-links /opt", fault: "leads out of the folder" },
    { line: "--find-links elsewhere", fault: "leads out of the folder" },
    { line: "--find-links mixed", fault: 'has "x.whl", which may lead out' },
    { line: "--find-links paged", fault: 'has "index.html", which may lead out' },
    { line: "--find-links paged/index.html", fault: "is no folder" },
    { line: "--find-links file:///opt", fault: "is no folder" },
    { line: "--find-links ~/wheels", fault: "is no folder" },
    { line: "--find-links ftp://example.com/", fault: "is no folder" },
    { line: "--find-linkswheels", fault: "is not understood" },
  ],
  "-r --requirement": [
    { line: "-r more.txt", as: ["idna"] },
    { line: "-rmore.txt", as: ["idna"] },
    { line: "--requirement=more.txt", as: ["idna"] },
    { line: "-r ../more.txt", fault: "leads out of the folder" },
    { line: "-r elsewhere/more.txt", fault: "leads out of the folder" },
    { line: "-r file:///opt/more.txt", fault: "is not on this machine" },
    { line: "-r file:/opt/more.txt", fault: "cannot be read" },
    { line: "-r ~/more.txt", fault: "cannot be read" },
  ],
  "-c --constraint": [
    { line: "-c more.txt", as: [] },
    { line: "--constraint /opt/more.txt", fault: "leads out of the folder" },
    { line: "-c https://example.com/more.txt", fault: "is not on this machine" },
  ],
  "-e --editable": [
    { line: "-e .", fault: "is editable" },
    { line: "--editable git+https://example.com/x.git#egg=x", fault: "is editable" },
  ],
  "--no-index": [{ line: "--no-index" }],
  "--no-binary": [{ line: "--no-binary :none:", fault: "asks for source packages" }],
  "--only-binary": [{ line: "--only-binary :all:", as: [] }],
  "--prefer-binary": [{ line: "--prefer-binary" }],
  "--require-hashes": [{ line: "--require-hashes" }],
  "--pre": [{ line: "--pre" }],
  "--trusted-host": [
    { line: "--trusted-host example.com:8443" },
    { line: "--trusted-host ../x", fault: "is not understood" },
  ],
  "--use-feature": [{ line: "--use-feature=fast-deps", fault: "is not understood" }],
  "--hash": [{ line: hashed }, { line: "--hash=sha256:0a", fault: "is not understood" }],
  "--global-option": [{ line: "six --global-option=x", fault: "is not understood" }],
  "-C --config-settings": [{ line: "six --config-settings=a=b", fault: "is not understood" }],
};

test.each(Object.entries(forms))("a form of pip's files of requirements has its verdict: %s", (_, rows) => {
  const folder = realpathSync(folderWith({ "more.txt": "idna", "wheels/x": "", "paged/index.html": "" }));
  symlinkSync("/opt", join(folder, "elsewhere"));
  mkdirSync(join(folder, "mixed"));
  symlinkSync("/etc/hostname", join(folder, "mixed", "x.whl"));
  for (const { line, as = [line], fault } of rows) {
    writeFileSync(join(folder, "requirements.txt"), `certifi\n${line}\n`);
    const read = () => requirementsOf(folder)?.packages;
    if (fault === undefined)
      expect(read()).toEqual(["certifi", ...as.map((text) => text.replace("FOLDER", folder))]);
    else expect(read, line).toThrow(fault);
  }
});

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

/** Each ends a line for pip, or goes on in the next, but is no blank in JavaScript or is trimmed. */
const lineEnds = ["\x1c", "\x1d", "\x1e", "\x85", "\\ ", "\\\x85"];
const withEnd: readonly ((end: string) => string)[] = [
  (end) => `--index-url https://example.com/${end}-r /etc/hostname`,
  (end) => `--index-url https://example.com/${end}`,
  (end) => `--extra-index-url https://example.com/\${PIP_INDEX_${end}TOKEN}/`,
  (end) => `-i https://example.com/${end}x/`,
  (end) => `--trusted-host example.com${end}/path/evil`,
  (end) => `--find-links https://example.com/${end}/path/evil`,
  (end) => `-f links${end}x`,
  (end) => `x @ https://example.com/${end}x-1.0-py3-none-any.whl`,
  (end) => `https://example.com/x-1.0-py3-none-any.whl?${end}/path/evil`,
  (end) => `certifi${end}/path/evil`,
  (end) => `certifi; python_version > "3${end}"`,
];

test.each(lineEnds)("no line is more than one for pip: %j", (end) => {
  const folder = folderWith();
  mkdirSync(join(folder, `links${end.trimEnd()}x`));
  for (const line of withEnd) {
    writeFileSync(join(folder, "requirements.txt"), `six\n${line(end)}\n`);
    expect(() => requirementsOf(folder)?.packages, line(end)).toThrow(CliError);
  }
});

test("files that name many others are read up to a number of them", () => {
  const named = (at: number) => `-r ${at + 1}.txt\n`.repeat(100);
  const files = Object.fromEntries(Array.from({ length: 8 }, (_, at) => [`${at}.txt`, named(at)]));
  const folder = folderWith({ ...files, "8.txt": "six\n", "requirements.txt": named(-1) });
  expect(() => requirementsOf(folder)).toThrow("one too many");
});

test("what pip gets is what files ask for, in one, and nothing that changes what is built", () => {
  const digest = `--hash=sha256:${"0a".repeat(32)}`;
  const folder = folderWith({
    "wheels/x": "",
    "requirements.txt": `
      --only-binary :none:  # no effect
      --index-url=https://ann:s3cret@example.com/simple
      requests[socks] >=2.32, <3 ; python_version > "3.8" and sys_platform == 'linux'
      certifi==2024.8.30 \\
        ${digest} \\
        ${digest}
      x @ https://example.com/x-1.0-py3-none-any.whl#sha256=00
      -f wheels
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
    `--find-links "${realpathSync(folder)}/wheels"`,
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
