#!/usr/bin/env node
// CommonJS, which starts faster, and nothing is loaded before Node's version is known: an older one fails at
// what it does not have.
const { existsSync } = require("node:fs");
const { isAbsolute, join } = require("node:path");

const [major, minor] = process.versions.node.split(".").map(Number);
const dist = join(__dirname, "../dist");

if (major < 20 || (major === 20 && minor < 19))
  fail(`this is Node ${process.versions.node}, shelfshack-ws needs 20.19 or newer`);
else if (!existsSync(join(dist, "start.cjs"))) fail("this clone is not built yet: run npm run ready");
else start(process.argv.slice(2));

function fail(message) {
  process.stderr.write(`error: ${message}\n`);
  process.exitCode = 1;
}

/** Help and version are ready made; everything else needs the program. */
function start(words) {
  const text = readyText(words);
  if (text !== undefined) return process.stdout.on("error", () => {}).write(text);
  holdSignals();
  require("./load.js").load(dist, cacheFolder(process.env));
}

/** A signal waits until the program listens to it, which has its last words: each is sent on, until one does. */
function holdSignals() {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
    process.on(signal, () => setTimeout(() => process.emit(signal, signal), 20));
}

/** The user's own folder for caches; undefined for a user without a home folder. */
function cacheFolder({ XDG_CACHE_HOME = "", LOCALAPPDATA = "", HOME = "" }) {
  const ownHome = isAbsolute(HOME) && existsSync(HOME) ? join(HOME, ".cache") : "";
  const home = [XDG_CACHE_HOME, LOCALAPPDATA, ownHome].find(isAbsolute);
  return home && join(home, "shelfshack-ws");
}

/** What the build has made for these words (src/cli/arguments.ts), for a screen of at least 80 columns. */
function readyText(words) {
  if (!["--version", "--help", "-h"].includes(words.at(-1)) || process.stdout.columns < 80) return undefined;
  return require("../dist/texts.json")[words.join(" ").replace(/-h$/, "--help")];
}
