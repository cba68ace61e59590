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

const lowest = ["progress", "errors", "files", "settings", "contract"];
const shared = ["backend", "client", "network", "aws", "artifact", ...lowest];

/** Who may import whom, one way from top to bottom; types count. What is left out imports nothing of ours. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  start: ["commands", "cli"],
  build: ["commands", "cli"],
  commands: [
    "code",
    "cli",
    "export",
    "terminal",
    "bench",
    "estimate",
    "verify",
    "trace",
    "logs",
    "resources",
    "stack",
    "console",
    "local",
    ...shared,
  ],
  console: ["trace", "logs", "local", "artifact", "files", "contract"],
  code: ["local", "stack", "aws", "artifact", ...lowest],
  export: ["terminal", "resources", "stack", "aws", ...lowest],
  cli: ["terminal", "resources", "stack", "aws", "artifact", ...lowest],
  terminal: ["bench", "estimate", "verify", "trace", "logs", "stack", "client", ...lowest],
  verify: ["logs", "client", "backend", "aws", ...lowest],
  bench: ["estimate", ...lowest],
  estimate: ["aws", ...lowest],
  resources: ["stack", "aws", "artifact", ...lowest],
  stack: ["aws", ...lowest],
  trace: ["logs", "aws", ...lowest],
  logs: ["aws", ...lowest],
  aws: ["network", ...lowest],
  backend: ["artifact", ...lowest],
  client: ["network", ...lowest],
  network: lowest,
  local: ["errors", "contract", "files"],
  artifact: lowest,
  files: ["errors", "settings", "contract"],
  progress: ["errors"],
  errors: ["settings", "contract"],
  settings: ["contract"],
};

/** The first part of a path below src: a folder, or a file of its own such as `progress`. */
const folderOf = (path: string): string | undefined => /^src\/(\w+)/.exec(path)?.[1];

test("no arrow goes up: a folder imports only what stands below it, types included", () => {
  const arrows = within("src/").flatMap(({ path, imports }) =>
    imports.flatMap((imported) => {
      const [from = "", to] = [folderOf(path), folderOf(imported)];
      const isAllowed = to === undefined || to === from || mayImport[from]?.includes(to);
      return isAllowed ? [] : [`${path} → ${imported}`];
    }),
  );
  expect(arrows).toEqual([]);
});

test("every folder has its place in the order", () => {
  const folders = [...new Set(within("src/").map(({ path }) => folderOf(path) ?? ""))];
  expect(folders.filter((folder) => !(folder in mayImport)).toSorted()).toEqual(["contract"]);
});

test("F-04 what can write a file is imported by src/files alone", () => {
  const names = "writeFile|appendFile|copyFile|createWriteStream|cp|open|rename|symlink";
  const writing = new RegExp(
    `import \\{[^}]*\\b(?:${names})(?:Sync)?\\b[^}]*\\} from "node:fs(?:/promises)?"`,
    "g",
  );
  const allowed = /^src\/(files|build)\//;
  expect(matching(sources, writing).filter((line) => !allowed.test(line))).toEqual([]);
});

test("no command imports another one", () => {
  const commands = within("src/commands/").filter(({ path }) => path !== "src/commands/index.ts");
  expect(importing(commands, /^src\/commands\//)).toEqual([]);
});

/** The files that import each other in a circle, types included. */
function inCircles(): string[] {
  const importsOf = new Map(sources.map(({ path, imports }) => [path, imports]));
  const reaches = (from: string): Set<string> => {
    const seen = new Set<string>();
    const open = [...(importsOf.get(from) ?? [])];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      open.push(...(importsOf.get(next) ?? []));
    }
    return seen;
  };
  return [...importsOf.keys()].filter((path) => reaches(path).has(path));
}

test("no files import each other in a circle, types included", () => {
  expect(inCircles()).toEqual([]);
});

test("in the local AWS wire, gateway and runtime import no service and nothing of each other", () => {
  expect(importing(within("src/local/wire/"), /^src\/local\/(?!wire\/|aws-error)/)).toEqual([]);
  expect(importing(within("src/local/gateway/"), /^src\/local\/(?!gateway\/)/)).toEqual([]);
  expect(importing(within("src/local/runtime/"), /^src\/local\/(?!runtime\/)/)).toEqual([]);
});

test("a local service uses another one only by what it lends: its port, policies, session tokens", () => {
  const folders = within("src/local/services/").flatMap(
    ({ path }) => /^src\/local\/services\/(\w+)\//.exec(path)?.[1] ?? [],
  );
  const used = [...new Set(folders)].flatMap((folder) =>
    importing(within(`src/local/services/${folder}/`), /^src\/local\/services\/\w+\//).filter(
      (line) => !line.includes(`→ src/local/services/${folder}/`),
    ),
  );
  const lent = /→ src\/local\/services\/(?:(\w+)\/\1|iam\/(?:policy|sessions))\.ts$/;
  expect(used.filter((line) => !lent.test(line))).toEqual([]);
  expect(used.length).toBeGreaterThan(0);
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
  const { stack } = await openTestStack("http://127.0.0.1:9");
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
      outside("src/settings/environment.ts", "handler/index.ts", "src/local/runtime/bootstrap.mjs"),
      /process\.env/g,
    ),
  ).toEqual([]);
});

test("only the AWS clients, the printer of advice and the guards of a config file branch on --local", () => {
  const knowing = outside("src/aws/clients.ts", "src/cli/print-advice.ts", "src/cli/resolve.ts");
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

test("no line is longer than 110 columns", () => {
  const texts = ["src", "handler", "test"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => /\.(ts|mjs|js|py)$/.test(file))
      .map((file) => ({ path: join(folder, file), text: readFileSync(join(root, folder, file), "utf8") })),
  );
  const long = texts.flatMap(({ path, text }) =>
    text
      .split("\n")
      .flatMap((line, index) => (Array.from(line).length > 110 ? [`${path}:${index + 1}`] : [])),
  );
  expect(long).toEqual([]);
});
