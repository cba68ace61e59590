// Writes the README's tables of commands and settings out of the code that reads them.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

process.chdir(fileURLToPath(new URL("../..", import.meta.url)));

const { outputFiles } = await build({
  entryPoints: ["src/cli/readme.ts"],
  bundle: true,
  platform: "node",
  format: "esm",
  write: false,
});
const module = `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`;
const { withTables } = await import(module);
await writeFile("README.md", withTables(await readFile("README.md", "utf8")));
