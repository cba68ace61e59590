import { access, readFile, readdir } from "node:fs/promises";
import { extname } from "node:path";
import { expect, test } from "vitest";
import { emulatedAsMarkdown } from "../../src/local/services/emulated.ts";
import { commandTable } from "../../src/settings/commands.ts";
import { readArguments } from "../../src/cli/arguments.ts";
import { tables, withTables } from "../../src/cli/readme.ts";

const root = new URL("../../", import.meta.url);
const read = (path: string) => readFile(new URL(path, root), "utf8");
const readme = await read("README.md");

test("the tables of the README and of AWS.md are those that the code makes: npm run readme", async () => {
  const facts = await read("src/local/AWS.md");
  expect(withTables(readme, tables)).toBe(readme);
  expect(withTables(facts, { emulated: emulatedAsMarkdown })).toBe(facts);
  expect(readme).toMatch(/<!-- commands -->[^]*<!-- settings -->/);
  expect(facts).toContain("<!-- emulated -->");
});

/** The documents and shipped files whose command lines people copy. */
const documents = [
  "README.md",
  "CHANGELOG.md",
  "handler/CONTRACT.md",
  ".github/CONTRIBUTING.md",
  "src/backend/MIGRATION.md",
  "src/backend/shelfshack_ws.py",
  ...(await readdir(new URL("src/backend/example", root))).map((file) => `src/backend/example/${file}`),
];

/**
 * The command lines in a text: what stands behind the program's name and, in a page, code that begins with
 * the name of a command.
 */
function commandLines(text: string, isPage: boolean): string[] {
  const named = [...text.matchAll(/\bshelfshack-ws ((?:[a-z]|--)[^`\n]*)/g)];
  const code = new RegExp(`\`((?:${Object.keys(commandTable).join("|")})(?: [^\`]*)?)\``, "g");
  const lines = [...named, ...(isPage ? text.matchAll(code) : [])].map(([, line = ""]) => line);
  return lines.map((line) => line.split(/ {2,}| #| && | >>? | \| /)[0]?.trim() ?? "");
}

test.each(documents)("every command line in %s is one that the program understands", async (path) => {
  const refused: string[] = [];
  for (const line of commandLines(await read(path), path.endsWith(".md"))) {
    try {
      readArguments(line.split(/ +/), "0.0.0");
    } catch (error) {
      refused.push(`${line}: ${String(error)}`);
    }
  }
  expect(refused).toEqual([]);
});

/** What a document can be asked for: the numbers of its headings, or the codes of its rows. */
const places = {
  "AWS.md": await placesOf("src/local/AWS.md", /^#+ (\d+(?:\.\d+)?)\.? /gm),
  "CONTRACT.md": await placesOf("handler/CONTRACT.md", /^#+ (\d+(?:\.\d+)?)\.? /gm),
  "FAULTS.md": await placesOf("test/FAULTS.md", /^\| ([A-Z]-?\d+) \|/gm),
};
type Cited = keyof typeof places;

async function placesOf(path: string, heading: RegExp) {
  const found = [...(await read(path)).matchAll(heading)].map(([, place = ""]) => place);
  expect(found.length, path).toBe(new Set(found).size);
  return new Set(found);
}

/** Sources and tests by path; without the line ends inside comments, so that a reference is one text. */
async function sources(): Promise<Map<string, string>> {
  const folders = ["src", "handler", "test"];
  const listed = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(new URL(folder, root), { recursive: true })).map((file) => `${folder}/${file}`),
    ),
  );
  const paths = listed.flat().filter((path) => [".ts", ".js", ".mjs", ".py"].includes(extname(path)));
  const texts = await Promise.all(
    paths.map(
      async (path) => [path, (await read(path)).replace(/\n\s*(?:\*(?!\/)|\/\/|#)? */g, " ")] as const,
    ),
  );
  return new Map(texts.filter(([path]) => path !== "test/unit/documents.test.ts"));
}

const place = String.raw`(?:[A-Z]-?\d+|\d+(?:\.\d+)?)`;
const reference = new RegExp(
  String.raw`(?<!/)\b(AWS|CONTRACT|FAULTS)\.md\b(?: (${place}(?:(?:, | and | to )${place})*))?`,
  "g",
);

test("every reference to AWS.md, CONTRACT.md and FAULTS.md leads to a heading or a row", async () => {
  const lost: string[] = [];
  for (const [path, text] of await sources()) {
    for (const [found, name, list] of text.matchAll(reference)) {
      const known = places[`${name}.md` as Cited];
      const named = list?.match(new RegExp(place, "g")) ?? [];
      if (named.length === 0 || named.some((at) => !known.has(at))) lost.push(`${path}: ${found}`);
    }
  }
  expect(lost).toEqual([]);
});

test("every code in a title or a comment has its row in FAULTS.md, and every row is used", async () => {
  const known = places["FAULTS.md"];
  const named = new Set<string>();
  const lost: string[] = [];
  for (const [path, text] of await sources()) {
    const rules = [
      ...text.matchAll(
        /["`](?:[DHGCF]-\d\d )*((?:[RS]\d\d? )+)|\bFAULTS\.md ((?:[A-Z]-?\d+(?:, | and )?)+)/g,
      ),
    ];
    const listed = rules.flatMap(
      ([, titles = "", cited = ""]) => `${titles} ${cited}`.match(/[RS]\d+/g) ?? [],
    );
    for (const code of [...listed, ...(text.match(/\b[DHGCF]-\d\d\b/g) ?? [])]) {
      named.add(code);
      if (!known.has(code)) lost.push(`${path}: ${code}`);
    }
  }
  expect(lost).toEqual([]);
  expect([...known].filter((code) => !named.has(code))).toEqual([]);
});

/** Words that the project does not use: they are vague, or have a plainer one. */
const dialect = new RegExp(
  String.raw`\b(?:who(?:so)?ever|(?:no|some|any|every)body(?:'s)?|strangers?|mend(?:s|ed|ing|ings)?|` +
    String.raw`so many|on the way|farewell|goodbye|look(?:s|ed|ing)? at|` +
    String.raw`(?:do|does|did|doing|done) (?:its|his|her|their|your) part)\b`,
  "gi",
);

test("sources, tests and pages use plain words", async () => {
  const pages = [
    "README.md",
    "CHANGELOG.md",
    "handler/CONTRACT.md",
    "src/local/AWS.md",
    "src/backend/MIGRATION.md",
    "test/FAULTS.md",
    ...(await readdir(new URL(".github", root))).map((file) => `.github/${file}`),
  ].filter((path) => path.endsWith(".md"));
  const texts = new Map(await sources());
  for (const path of [...pages, ".ci/run"]) texts.set(path, (await read(path)).replace(/\n\s*#? */g, " "));
  const found = [...texts].flatMap(([path, text]) =>
    [...text.matchAll(dialect)].map(([word]) => `${path}: ${word}`),
  );
  expect(found).toEqual([]);
});

test("every link and every path in a page leads to a file", async () => {
  const pages = ["README.md", ".github/ARCHITECTURE.md", ".github/CONTRIBUTING.md", "handler/CONTRACT.md"];
  const lost: string[] = [];
  for (const page of pages) {
    const text = await read(page);
    const links = [...text.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(
      ([, at = ""]) => new URL(at, new URL(page, root)),
    );
    const paths = [...text.matchAll(/`((?:src|test|handler)\/[\w./-]+)`/g)].map(([, at = ""]) => at);
    const named = paths.filter((at) => !at.includes("NAME")).map((at) => new URL(at, root));
    for (const file of [...links, ...named]) {
      const exists = (at: URL) =>
        access(at).then(
          () => true,
          () => false,
        );
      if (!(await exists(file)) && !(await exists(new URL(`${file.href}.test.ts`))))
        lost.push(`${page}: ${file.href}`);
    }
  }
  expect(lost).toEqual([]);
});
