import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const sources = ["src", "handler", "test", "package.json", "package-lock.json"];
/** Of the tests only these are built; the support files are what the benches import. */
const isBuilt = (file) => !file.startsWith("test") || /^test[\\/](bench|support)[\\/]/.test(file);

/** The SHA-256 of everything that a build reads: two builds with the same one are equal. */
export async function sourceHash() {
  const listed = await Promise.all(
    sources.map(async (source) => {
      if (/\.\w+$/.test(source)) return [source];
      const entries = await readdir(join(root, source), { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length));
    }),
  );
  const files = listed.flat().filter(isBuilt).sort();
  const bodies = await Promise.all(files.map((file) => readFile(join(root, file))));
  const hash = createHash("sha256");
  files.forEach((file, at) => hash.update(`${file}\0${bodies[at].length}\0`).update(bodies[at]));
  return hash.digest("hex");
}
