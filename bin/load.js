// Loads the files of the built program with what V8 has compiled of them in an earlier run: to compile them
// anew takes longer than most commands do. Node's own cache of this kind begins with 22.1 and brings half of
// it, as it does not have what a file compiles after it was loaded.
const { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { Script } = require("node:vm");
const { crc32 } = require("node:zlib");

/** After that it is removed; what is used then is compiled and kept anew. */
const KEPT_MS = 30 * 24 * 60 * 60 * 1000;

/**
 * Loads `dist/start.cjs` and what it requires: a name that begins with `./` is a file of `dist`, any other a
 * module of Node's. What V8 compiles is kept in `cache`, the user's own folder for caches, if there is one;
 * the names of all files but the first have a hash of their content.
 */
exports.load = function load(dist, cache) {
  const first = "./start.cjs";
  const folder = cache && join(cache, `code-${process.version}`);
  const reads = folder !== undefined && isOurs(folder);
  const modules = new Map();
  const compiled = new Map();

  function required(name) {
    if (!name.startsWith("./")) return require(name);
    if (!modules.has(name)) run(name);
    return modules.get(name).exports;
  }

  function run(name) {
    const module = { exports: {} };
    modules.set(name, module);
    const filename = join(dist, name);
    // The build writes nothing but ASCII: read like this a character is one byte in memory too.
    const source = `(function (require, module, __dirname) {${readFileSync(filename, "latin1")}\n})`;
    const cachedData = reads && name !== first ? codeIn(join(folder, name)) : undefined;
    const script = new Script(source, { filename, cachedData });
    if (name !== first && script.cachedDataRejected !== false) compiled.set(name, script);
    script.runInThisContext()(required, module, dist);
  }

  if (folder) whenLoaded(() => compiled.size > 0 && keep(folder, compiled));
  required(first);
};

/**
 * Acts once: at the end of a short run, as all that it needs is compiled then, or after 3 s of a long one, as
 * V8 forgets code that has not run for some minutes.
 */
function whenLoaded(act) {
  const early = () => {
    process.off("exit", act);
    act();
  };
  setTimeout(early, 3000).unref();
  process.on("exit", act);
}

/** What is kept is run: not from a folder that others own or write to. */
function isOurs(folder) {
  try {
    const { uid, mode } = statSync(folder);
    return process.getuid === undefined || (uid === process.getuid() && (mode & 0o022) === 0);
  } catch {
    return false;
  }
}

/** The kept code; undefined unless it is as it was written, which V8 does not check by itself. */
function codeIn(file) {
  try {
    const content = readFileSync(file);
    const code = content.subarray(4);
    return crc32(code) === content.readUInt32LE() ? code : undefined;
  } catch {
    return undefined;
  }
}

function keep(folder, compiled) {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!isOurs(folder)) return;
    for (const name of readdirSync(folder))
      if (statSync(join(folder, name)).mtimeMs < Date.now() - KEPT_MS) rmSync(join(folder, name));
    for (const [name, script] of compiled) {
      const code = script.createCachedData();
      const sum = Buffer.alloc(4);
      sum.writeUInt32LE(crc32(code));
      writeFileSync(join(folder, name), Buffer.concat([sum, code]), { mode: 0o600 });
    }
  } catch {
    // A full disk, a folder that cannot be written to, another run that removes the same: compiled again then.
  }
}
