// Loads the files of the built program with what V8 has compiled of them in an earlier run: to compile them
// anew takes longer than most commands do. Node's own cache of this kind begins with 22.1 and brings half of
// it, as it does not have what a file compiles after it was loaded.
const {
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} = require("node:fs");
const { dirname, join } = require("node:path");
const { Script } = require("node:vm");
const { crc32 } = require("node:zlib");

/** After that it is removed; what is used then is compiled and kept anew. */
const KEPT_MS = 30 * 24 * 60 * 60 * 1000;
/** In front of kept code: a sum of it, and one of the source that it was compiled from. */
const SUMS = 8;

/**
 * Loads `dist/start.cjs` and what it requires: a name that begins with `./` is a file of `dist`, any other a
 * module of Node's. What V8 compiles is kept in `cache`, the user's own folder for caches, if there is one.
 */
exports.load = function load(dist, cache) {
  const folder = cache && join(cache, `code-${process.version}-${process.arch}`);
  const reads = folder !== undefined && wayTo(folder).every(isOurs);
  const modules = new Map();
  const compiled = new Map();

  function required(name) {
    if (!name.startsWith("./")) return require(name);
    if (!modules.has(name)) run(name);
    return modules.get(name).exports;
  }

  function run(name) {
    const filename = join(dist, name);
    const bytes = readFileSync(filename);
    const cachedData = reads ? codeIn(join(folder, name), bytes) : undefined;
    // The build writes nothing but ASCII: read like this a character is one byte in memory too.
    const source = `(function (require, module, __dirname) {${bytes.latin1Slice()}\n})`;
    const script = new Script(source, { filename, cachedData });
    if (script.cachedDataRejected !== false) compiled.set(name, { script, bytes });
    const module = { exports: {} };
    modules.set(name, module);
    script.runInThisContext()(required, module, dist);
  }

  if (folder) whenLoaded(() => compiled.size > 0 && keep(folder, compiled));
  required("./start.cjs");
};

/**
 * At the end of a short run, in which all that it needs is compiled by then; of one that lasts, early: V8
 * forgets what has not run for some minutes.
 */
function whenLoaded(act) {
  const early = () => {
    process.off("exit", act);
    act();
  };
  setTimeout(early, 3000).unref();
  process.on("exit", act);
}

/** The folder, the two above it that are made with it, and the one that has them. */
function wayTo(folder) {
  const [cache, home] = [dirname(folder), dirname(dirname(folder))];
  return [dirname(home), home, cache, folder];
}

/**
 * What is kept is run: another user may neither own nor write any folder of the way, nor put something in
 * its place. Above our own two, root's are as good, a link (`~/.cache` often is one) is followed, and of
 * folders as /tmp, which all write to, nobody moves away what is another's.
 */
function isOurs(place, level) {
  if (process.getuid === undefined) return true;
  const isAbove = level < 2;
  try {
    const stats = isAbove ? statSync(place) : lstatSync(place);
    const isSafe = (stats.mode & 0o022) === 0 || (isAbove && (stats.mode & 0o1000) !== 0);
    return stats.isDirectory() && isSafe && (stats.uid === process.getuid() || (isAbove && stats.uid === 0));
  } catch {
    return false;
  }
}

/** Makes what is missing of the way, and says whether all of it is ours. */
function isMade(folder) {
  return wayTo(folder).every((place, level) => {
    if (level > 0) mkdirUnlessThere(place);
    return isOurs(place, level);
  });
}

function mkdirUnlessThere(place) {
  try {
    // Not with all that is above: below a folder that takes none, such as /proc, that never ends.
    mkdirSync(place, { mode: 0o700 });
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
}

/** Undefined without the whole of what was written for this source: V8 looks at its own version alone. */
function codeIn(file, source) {
  try {
    const content = readFileSync(file);
    const code = content.subarray(SUMS);
    const isWhole = content.readUInt32LE() === crc32(code);
    return isWhole && content.readUInt32LE(SUMS / 2) === crc32(source) ? code : undefined;
  } catch {
    return undefined;
  }
}

function keep(folder, compiled) {
  try {
    if (!isMade(folder)) return;
    for (const name of readdirSync(folder)) removeOld(join(folder, name));
    for (const [name, { script, bytes }] of compiled)
      write(join(folder, name), script.createCachedData(), bytes);
  } catch {
    // A full disk, a folder that cannot be written to, another run that removes the same: compiled again then.
  }
}

function removeOld(file) {
  const stats = lstatSync(file);
  if (stats.isFile() && file.endsWith(".cjs") && stats.mtimeMs < Date.now() - KEPT_MS) rmSync(file);
}

function write(file, code, source) {
  const sums = Buffer.alloc(SUMS);
  sums.writeUInt32LE(crc32(code));
  sums.writeUInt32LE(crc32(source), SUMS / 2);
  try {
    writeFileSync(file, Buffer.concat([sums, code]), { mode: 0o600 });
  } catch (error) {
    // A half of it would only take room.
    rmSync(file, { force: true });
    throw error;
  }
}
