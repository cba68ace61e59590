// Writes the tables of the README (commands, settings) and of AWS.md 9 out of the code.
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

process.chdir(fileURLToPath(new URL("../..", import.meta.url)));

/** Beside the packages, which it imports. */
const outfile = "node_modules/.cache/readme.mjs";
const contents = `
  export { tables, withTables } from "./src/cli/readme.ts";
  export { emulatedAsMarkdown } from "./src/local/services/emulated.ts";
`;
await mkdir("node_modules/.cache", { recursive: true });
await build({
  stdin: { contents, resolveDir: "." },
  bundle: true,
  packages: "external",
  platform: "node",
  format: "esm",
  outfile,
});
const { tables, withTables, emulatedAsMarkdown } = await import(pathToFileURL(outfile).href);
await rm(outfile);

const pages = { "README.md": tables, "src/local/AWS.md": { emulated: emulatedAsMarkdown } };
for (const [page, tablesOfPage] of Object.entries(pages))
  await writeFile(page, withTables(await readFile(page, "utf8"), tablesOfPage));
