import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openTestStack } from "../support/stack.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Source {
  /** From the root, for example "src/stack/engine.ts". */
  path: string;
  text: string;
  /** The files of ours that it imports, from the root, and its packages by name. */
  imports: string[];
}

function read(path: string): Source {
  const text = readFileSync(join(root, path), "utf8");
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(
    ([, specifier = ""]) => specifier,
  );
  return {
    path,
    text,
    imports: specifiers.map((specifier) =>
      specifier.startsWith(".") ? normalize(join(dirname(path), specifier)) : specifier,
    ),
  };
}

const sources = ["src", "handler"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => /\.(ts|mjs)$/.test(file))
    .map((file) => read(join(folder, file))),
);

const within = (...folders: string[]) =>
  sources.filter(({ path }) => folders.some((folder) => path.startsWith(folder)));
const outside = (...folders: string[]) =>
  sources.filter(({ path }) => !folders.some((folder) => path.startsWith(folder)));

/** "file → import" for every import that matches. */
const importing = (files: readonly Source[], forbidden: RegExp) =>
  files.flatMap(({ path, imports }) =>
    imports.filter((imported) => forbidden.test(imported)).map((imported) => `${path} → ${imported}`),
  );

/** "file: match" for every match in a file's code, comments left out. */
const matching = (files: readonly Source[], forbidden: RegExp) =>
  files.flatMap(({ path, text }) =>
    [...text.replaceAll(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, "").matchAll(forbidden)].map(
      ([match]) => `${path}: ${match}`,
    ),
  );

test("the handler imports nothing of ours", () => {
  expect(importing(within("handler/"), /^src\//)).toEqual([]);
  expect(importing(within("handler/"), /^@aws-sdk/)).toEqual([]);
});

test("the local AWS and what deploys to it know nothing of each other", () => {
  expect(importing(within("src/local/"), /^src\/(stack|resources|aws)/)).toEqual([]);
  expect(importing(within("src/stack/", "src/resources/", "src/aws/"), /^src\/local\//)).toEqual([]);
});

test("in the local AWS the wire, the gateway and the runtime know no service, and nothing of each other", () => {
  expect(importing(within("src/local/wire/"), /^src\/local\/(?!wire\/|aws-error)/)).toEqual([]);
  expect(importing(within("src/local/gateway/"), /^src\/local\/(?!gateway\/)/)).toEqual([]);
  expect(importing(within("src/local/runtime/"), /^src\/local\/(?!runtime\/)/)).toEqual([]);
});

test("nothing below the commands imports a command or the command line", () => {
  const below = outside("src/commands/", "src/cli/", "src/start.ts");
  expect(importing(below, /^src\/(start\.ts|cli\/(?!command\.ts$|context\.ts$))/)).toEqual([]);
  expect(importing(below, /^src\/commands\//)).toEqual([]);
});

test("a resource knows the shape of a resource, not the engine or the stack", () => {
  const description = ["src/resources/stack.ts", "src/resources/config.ts"];
  expect(
    importing(
      within("src/resources/").filter(({ path }) => !description.includes(path)),
      /^src\/(stack\/(?!resource\.ts$)|resources\/(stack|config)\.ts$|cli|commands|local|terminal)/,
    ),
  ).toEqual([]);
});

test("every resource stands in the description of the stack", () => {
  const description = ["src/resources/stack.ts", "src/resources/config.ts"];
  const described = within("src/resources/stack.ts").flatMap(({ imports }) => imports);
  const resources = within("src/resources/").map(({ path }) => path);
  expect(resources.filter((path) => !description.includes(path) && !described.includes(path))).toEqual([]);
});

test("the engine and all beside it name no resource", async () => {
  const engine = within("src/stack/");
  expect(importing(engine, /^src\/resources\//)).toEqual([]);
  expect(importing(engine, /^@aws-sdk/)).toEqual([]);
  const { stack, aws } = await openTestStack("http://127.0.0.1:9");
  aws.close();
  const words = stack.resources.flatMap(({ id, type }) => [id, ...type.split("::").slice(1)]);
  expect(words).toEqual(expect.arrayContaining(["Function", "Stage", "ApiGatewayV2"]));
  expect(matching(engine, new RegExp(`\\b(${[...new Set(words)].join("|")})\\b`, "g"))).toEqual([]);
  expect(matching(engine, /\bEnvironment\b|\bapigateway|\blambda\b|\bLambda/g)).toEqual([]);
});

test("what is known of AWS itself knows no stack and no resource", () => {
  expect(importing(within("src/aws/"), /^src\/(stack|resources)\//)).toEqual([]);
});

test("SDK clients are constructed in aws/clients alone", () => {
  expect(matching(outside("src/aws/clients.ts"), /new [A-Z]\w*Client\(/g)).toEqual([]);
});

test("only the command line and the terminal print, end the process, or know colours", () => {
  const silent = outside(
    "src/cli/main.ts",
    "src/start.ts",
    "src/terminal/",
    "src/local/runtime/bootstrap.mjs",
  );
  expect(
    matching(silent, /\bconsole\.|process\.exit\b|process\.(stdout|stderr)\.write/g).filter(
      (found) => !found.startsWith("handler/index.ts"),
    ),
  ).toEqual([]);
  expect(importing(silent, /^(chalk|ora)$/)).toEqual([]);
});

test("the environment is read in one place, and in the handler's", () => {
  expect(
    matching(
      outside("src/settings/table.ts", "handler/index.ts", "src/local/runtime/bootstrap.mjs"),
      /process\.env/g,
    ),
  ).toEqual([]);
});

test("only aws/clients and the command local know that there is a local AWS", () => {
  const knowing = outside("src/aws/clients.ts", "src/commands/local.ts", "src/cli/", "src/settings/");
  expect(matching(knowing, /\bif \((settings\.)?local\)|settings\.local \?/g)).toEqual([]);
});

test("what must not be there is not", () => {
  expect(
    sources
      .map(({ path }) => path)
      .filter((path) => /(^|\/)(utils?|helpers?|common|types|index)\.ts$/.test(path)),
  ).toEqual(["src/commands/index.ts", "handler/index.ts"]);
  const excuses = /@ts-(ignore|expect-error|nocheck)|\bas any\b|(ox|es)lint-disable|\bTODO\b|\bFIXME\b/;
  expect(sources.filter(({ text }) => excuses.test(text)).map(({ path }) => path)).toEqual([]);
  expect(matching(sources, /shell: true|\bexecSync\(|\bexec\(`/g)).toEqual([]);
  expect(matching(sources, /\bexport \* from|\babstract class/g)).toEqual([]);
  expect(matching(sources, /catch (\([^)]*\) )?\{\s*\}/g)).toEqual([]);
});
