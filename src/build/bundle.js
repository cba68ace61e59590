// Bundles src, handler and test/bench. dist is replaced as a whole at the end, so a build that fails leaves
// the last one alone.
import { copyFile, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { basename, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build, transform } from "esbuild";
import { documentSchemas } from "./schemas.js";
import { sourceHash } from "./source-hash.js";

process.chdir(fileURLToPath(new URL("../..", import.meta.url)));
const hash = await sourceHash();
const { version } = JSON.parse(await readFile("package.json", "utf8"));
const shared = {
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  // The SDK's ES modules can be shaken, its CommonJS ones cannot.
  mainFields: ["module", "main"],
  // dist is one folder deep, the sources are two: the build says where the shipped files are.
  define: { SHELFSHACK_VERSION: JSON.stringify(version), SHELFSHACK_DIST: JSON.stringify("../dist/") },
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
};
/**
 * Node's own modules for what asks for them with `require`, which an ES module lacks, and `node:http` for
 * all: an import reads every name of a module at once, which of this one loads a whole second HTTP client.
 */
const builtins = {
  name: "builtins",
  setup(build) {
    build.onResolve({ filter: /^(node:)?[a-z_/0-9]+$/ }, ({ path, kind, importer }) =>
      isBuiltin(path) && (kind === "require-call" || /^(node:)?http$/.test(path))
        ? // One for each that asks: what several share would be a file of its own in the build.
          { path: path.replace(/^node:/, ""), suffix: `?${importer}`, namespace: "builtin" }
        : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};
/** Commander can start commands that are programs of their own, which ours are not. */
const withoutPrograms = {
  name: "without-programs",
  setup(build) {
    build.onResolve({ filter: /^(node:)?child_process$/ }, ({ importer }) =>
      importer.includes("/node_modules/commander/") ? { path: "nothing", namespace: "nothing" } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: "nothing" }, () => ({ contents: "" }));
  },
};
/**
 * The local AWS reads all shapes of the SDK's clients, and nothing else of them. It gets them as modules of
 * its own: the commands keep what they call, and no more.
 */
const shapesAlone = {
  name: "shapes-alone",
  setup(build) {
    build.onResolve({ filter: /^@aws-sdk\/client-[\w-]+$/ }, ({ path, importer }) =>
      importer.includes("/src/local/")
        ? { path: resolve("node_modules", path, schemas), suffix: "?all" }
        : undefined,
    );
  },
};
const schemas = "dist-es/schemas/schemas_0.js";
/**
 * Gives every file that is loaded later an import of `main`, which is loaded by then, with all that the two
 * share: what many files share is then one file of the build and not one for every combination of them.
 */
const sharingMain = {
  name: "sharing-main",
  async setup({ esbuild, onLoad }) {
    const main = "src/cli/main.ts";
    const { metafile } = await esbuild.build({ ...split, plugins, entryPoints: [main] });
    const apart = new Set(["src/start.ts", ...importedBy(main, metafile)].map((path) => resolve(path)));
    onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const first = apart.has(path) ? "" : `import ${JSON.stringify(resolve(main))};\n`;
      return { contents: first + source, loader: "ts" };
    });
  },
};

/** A file and all that it imports at once, not only later. */
function importedBy(file, { inputs }, found = new Set()) {
  if (found.has(file)) return found;
  found.add(file);
  for (const { path, kind } of inputs[file]?.imports ?? [])
    if (kind !== "dynamic-import") importedBy(path, { inputs }, found);
  return found;
}
const plugins = [withoutPrograms, shapesAlone];
const split = {
  ...shared,
  outdir: "dist",
  splitting: true,
  minify: true,
  chunkNames: "[name]-[hash]",
  outExtension: { ".js": ".cjs" },
  write: false,
};
const out = `dist.${process.pid}`;

/** Files of `folder` that end in one of `endings`; none when there is no such folder. */
async function filesOf(folder, endings) {
  const names = await readdir(folder).catch((error) =>
    error.code === "ENOENT" ? [] : Promise.reject(error),
  );
  return names
    .filter((name) => endings.some((ending) => name.endsWith(ending)))
    .map((name) => join(folder, name));
}

async function copyInto(folder, files) {
  if (files.length > 0) await mkdir(folder, { recursive: true });
  await Promise.all(files.map((file) => copyFile(file, join(folder, basename(file)))));
}

/** The name and version of the package that a bundled file belongs to, by its folder. */
function packageFolder(input) {
  const end = input.lastIndexOf("node_modules/") + "node_modules/".length;
  const [first, second] = input.slice(end).split("/");
  return input.slice(0, end) + (first.startsWith("@") ? `${first}/${second}` : first);
}

async function licenseOf(folder) {
  const { name, version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const bodies = await textsIn(folder);
  const texts = bodies.length > 0 ? bodies : await textsElsewhere(folder, { name, license });
  if (texts.length === 0) throw new Error(`${folder} has no text of its license, ${license}`);
  return [`${name} ${version} (${license})`, ...texts.map((body) => body.trim())].join("\n\n");
}

async function textsIn(folder) {
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file)).sort();
  return await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
}

/** A section of the README, or what a package of the same scope and license has: AWS leaves some out. */
async function textsElsewhere(folder, { name, license }) {
  const readme = await readFile(join(folder, "README.md"), "utf8").catch(() => "");
  const section = /^#+ licen[cs]e\s+(.*)/ims.exec(readme)?.[1] ?? "";
  if (/permission is hereby granted|redistribution and use/i.test(section)) return [section];
  if (!name.startsWith("@")) return [];
  const scope = join(folder, "..");
  for (const other of (await readdir(scope)).sort()) {
    const manifest = await readFile(join(scope, other, "package.json"), "utf8").catch(() => "{}");
    const texts = JSON.parse(manifest).license === license ? await textsIn(join(scope, other)) : [];
    if (texts.length > 0) return texts;
  }
  return [];
}

async function licenses(metafiles) {
  const inputs = metafiles
    .flatMap(({ inputs }) => Object.keys(inputs))
    .filter((input) => input.includes("node_modules/") && !input.startsWith("builtin:"));
  const folders = [...new Set(inputs.map(packageFolder))].sort((one, other) => (one < other ? -1 : 1));
  return `${(await Promise.all(folders.map(licenseOf))).join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}

/** Puts `made` in the place of `place`; another build may be doing the same. */
async function replace(place, made) {
  const old = `${made}.old`;
  await rename(place, old).catch((error) => (error.code === "ENOENT" ? undefined : Promise.reject(error)));
  await rename(made, place);
  await rm(old, { recursive: true, force: true });
}

/** The program, in files that load each other as scripts: bin/load.js keeps what V8 makes of them. */
async function buildProgram(folder) {
  const entryPoints = ["src/start.ts"];
  // Only its ES modules can be split into files.
  const built = await build({ ...split, plugins: [...plugins, sharingMain], entryPoints, outdir: folder });
  await mkdir(folder, { recursive: true });
  for (const { path, text } of built.outputFiles) {
    const { code } = await transform(text, {
      platform: "node",
      target: shared.target,
      format: "cjs",
      // A script has neither `import` nor `import.meta`.
      supported: { "dynamic-import": false },
      define: { "import.meta.dirname": "__dirname" },
      minify: true,
    });
    await writeFile(path, code);
  }
  return built;
}

const handlerOf = (outfile) => build({ ...shared, entryPoints: ["handler/index.ts"], outfile, minify: true });

/** What the build needs of the sources: texts that are printed as they stand, the zip, the schema. */
async function ofSources() {
  // Beside the packages, which they import.
  const outfile = `node_modules/.cache/sources.${process.pid}.mjs`;
  const contents = `
    export { readyTexts } from "./src/cli/arguments.ts";
    export { builtZipName, zipFiles } from "./src/artifact/zip.ts";
    export { configSchema } from "./src/settings/schema.ts";
  `;
  await build({ ...shared, stdin: { contents, resolveDir: "." }, packages: "external", outfile });
  try {
    return await import(pathToFileURL(outfile).href);
  } finally {
    await rm(outfile);
  }
}

async function buildAll() {
  const processes = ["test/bench/functions", "test/bench/programs"];
  const started = await Promise.all(processes.map((folder) => filesOf(folder, [".ts"])));
  const benches = ["test/bench/main.ts", ...started.flat()];
  const [program, handler] = await Promise.all([
    buildProgram(out),
    handlerOf(`${out}/handler/index.mjs`),
    build({
      ...shared,
      platform: "browser",
      target: "es2022",
      entryPoints: ["src/console/page/page.ts"],
      outfile: `${out}/console/page.js`,
      minify: true,
    }),
    build({
      ...shared,
      plugins: [builtins],
      entryPoints: benches,
      outbase: "test/bench",
      outdir: `${out}.bench`,
      splitting: true,
      minify: true,
    }),
  ]);
  await copyInto(`${out}/local`, await filesOf("src/local/runtime", [".mjs", ".py"]));
  await copyInto(`${out}/console`, await filesOf("src/console/page", [".html", ".css"]));
  await copyInto(`${out}/backend`, await filesOf("src/backend", [".py", ".md"]));
  await copyInto(
    `${out}/backend/example`,
    await filesOf("src/backend/example", [".py", ".js", ".html", ".txt"]),
  );
  const { readyTexts, builtZipName, zipFiles, configSchema } = await ofSources();
  await writeFile(`${out}/texts.json`, JSON.stringify(readyTexts(version)));
  await writeFile(`${out}/config.schema.json`, JSON.stringify(configSchema()));
  await mkdir(`${out}/schemas`);
  for (const [name, schema] of Object.entries(documentSchemas()))
    await writeFile(`${out}/schemas/${name}.json`, JSON.stringify(schema));
  const code = await readFile(`${out}/handler/index.mjs`);
  const { zip } = await zipFiles(new Map([["index.mjs", code]]));
  await writeFile(`${out}/handler/${builtZipName(code)}`, zip);
  await writeFile(`${out}/LICENSES.txt`, await licenses([program.metafile, handler.metafile]));
  await writeFile(`${out}/.source-hash`, hash);
  await replace("dist-bench", `${out}.bench`);
  await replace("dist", out);
}

/** Only the handler, in place: a running `local` that watches its sources deploys it from there. */
async function buildHandler() {
  const outfile = `dist/handler/index.${process.pid}.mjs`;
  await handlerOf(outfile);
  await rename(outfile, "dist/handler/index.mjs");
}

try {
  await (process.argv.includes("--handler") ? buildHandler() : buildAll());
} catch (error) {
  // esbuild has said what is wrong with the sources.
  if (!error.errors) throw error;
  process.exitCode = 1;
}
