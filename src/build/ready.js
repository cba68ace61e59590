// Makes a clone ready: installs when the packages are missing or older than the lock file, builds when a
// source has changed; otherwise does and says nothing.
import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { sourceHash } from "./source-hash.js";

process.chdir(fileURLToPath(new URL("../..", import.meta.url)));

const changedAt = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

function readIfThere(file) {
  return statSync(file, { throwIfNoEntry: false }) ? readFileSync(file, "utf8") : "";
}

/** Runs a command and shows what it says on stderr: stdout belongs to whatever runs next. */
function run(words, command, args) {
  process.stderr.write(`${words}\n`);
  execFileSync(command, args, { stdio: ["ignore", 2, 2], shell: false });
}

// npm writes this file at the end of an installation.
if (changedAt("node_modules/.package-lock.json") < changedAt("package-lock.json")) {
  const npm = process.env.npm_execpath;
  const [command, args] = npm ? [process.execPath, [npm]] : ["npm", []];
  run("installing packages", command, [
    ...args,
    "ci",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ]);
}
if (readIfThere("dist/.source-hash") !== (await sourceHash()))
  run("building", process.execPath, ["src/build/bundle.js"]);
