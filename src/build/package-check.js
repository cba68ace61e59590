// What would be published: the right files, small enough, nothing to install besides, and no package with a
// known fault inside.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("../..", import.meta.url)));

const MEGABYTE = 1024 * 1024;
const unpackedLimit = 5 * MEGABYTE;
/** Every published file matches one of these, and each of these matches a file. */
const expectedFiles = [
  /^package\.json$/,
  /^README\.md$/,
  /^LICENSE$/,
  /^CHANGELOG\.md$/,
  /^handler\/CONTRACT\.md$/,
  /^bin\/(shelfshack-ws|load)\.js$/,
  // Says that the files beside it are CommonJS.
  /^bin\/package\.json$/,
  /^dist\/start\.cjs$/,
  /^dist\/texts\.json$/,
  /^dist\/config\.schema\.json$/,
  /^dist\/schemas\/[a-z-]+\.json$/,
  /^dist\/[\w-]+\.cjs$/,
  /^dist\/LICENSES\.txt$/,
  /^dist\/handler\/index\.mjs$/,
  /^dist\/handler\/[0-9a-f]{64}\.zip$/,
  /^dist\/local\/bootstrap\.(mjs|py)$/,
  /^dist\/backend\/[\w./-]+$/,
  /^dist\/console\/(index\.html|page\.(js|css))$/,
];
/** Below these a package has a known fault; checked even where newer ones cannot be looked up. */
const minimumVersions = {
  ws: "8.21.0",
  archiver: "7.0.1",
  "tar-stream": "3.1.7",
  minimatch: "10.2.3",
  "brace-expansion": "5.0.5",
};

const faults = [];
const claim = (holds, fault) => {
  if (!holds) faults.push(fault);
};

function npm(args) {
  const { stdout } = spawnSync("npm", [...args, "--json", "--loglevel=error"], { encoding: "utf8" });
  try {
    return JSON.parse(stdout);
  } catch {
    return undefined;
  }
}

function checkFiles([{ files, unpackedSize }]) {
  const paths = files.map(({ path }) => path);
  for (const path of paths)
    claim(
      expectedFiles.some((expected) => expected.test(path)),
      `${path} would be published and is not expected`,
    );
  for (const expected of expectedFiles)
    claim(
      paths.some((path) => expected.test(path)),
      `no published file matches ${expected}`,
    );
  claim(unpackedSize <= unpackedLimit, `${unpackedSize} bytes unpacked are more than ${unpackedLimit}`);
  return `${paths.length} files, ${(unpackedSize / MEGABYTE).toFixed(2)} MB unpacked`;
}

function checkManifest({ dependencies = {}, optionalDependencies = {}, scripts = {} }) {
  const installed = Object.keys({ ...dependencies, ...optionalDependencies });
  claim(
    installed.length === 0,
    `${installed.join(", ")} would be installed with the package; everything is bundled`,
  );
  for (const name of ["preinstall", "install", "postinstall", "prepare"])
    claim(!scripts[name], `there is a ${name} script`);
}

const parts = (version) => version.split(/[.-]/).slice(0, 3).map(Number);
const isBelow = (version, minimum) => {
  const [have, need] = [parts(version), parts(minimum)];
  const at = need.findIndex((number, index) => number !== have[index]);
  return at >= 0 && have[at] < need[at];
};

function checkVersions({ packages }) {
  for (const [path, { version }] of Object.entries(packages)) {
    const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    const minimum = minimumVersions[name];
    claim(!minimum || !isBelow(version, minimum), `${path} is ${version}, below ${minimum}`);
  }
}

/** FAULTS.md C-14: an answer without a report is no clean answer. */
function audit() {
  const answer = npm(["audit"]);
  if (!answer?.auditReportVersion) return "not asked: the registry gives no audit report";
  const { total } = answer.metadata.vulnerabilities;
  claim(total === 0, `npm audit names ${total} vulnerabilities`);
  return `${total} vulnerabilities`;
}

const packed = npm(["pack", "--dry-run", "--ignore-scripts"]);
claim(packed !== undefined, "npm pack gives no list of files");
const contents = packed ? checkFiles(packed) : "";
checkManifest(JSON.parse(readFileSync("package.json", "utf8")));
checkVersions(JSON.parse(readFileSync("package-lock.json", "utf8")));
process.stdout.write(`package: ${contents}\naudit: ${audit()}\n`);
for (const fault of faults) process.stderr.write(`package: ${fault}\n`);
process.exitCode = faults.length > 0 ? 1 : 0;
