import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { commands } from "../../src/commands/index.ts";
import { settingsAsMarkdown } from "../../src/cli/resolve.ts";

const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");

test("the README's table of settings is the one in the code", () => {
  const shown = /<!-- settings -->\n([\s\S]*?)\n?<!-- \/settings -->/.exec(readme)?.[1];
  expect(shown).toBe(settingsAsMarkdown());
});

test("every command that the README shows exists, and the README names every command", () => {
  const names = commands.map(({ name }) => name);
  const shown = [
    ...readme.matchAll(/(?:npx |\$ |SHELFSHACK_PORT=\d+ )shelfshack-ws ([a-z]+(?: [a-z]+)?)/g),
  ].map(([, words = ""]) => words);
  expect(
    shown.filter((words) => !names.some((name) => words === name || words.startsWith(`${name} `))),
  ).toEqual([]);
  expect(names.filter((name) => !readme.includes(name))).toEqual([]);
});
