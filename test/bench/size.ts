import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { packageHandler, zipFiles } from "../../src/artifact/zip.ts";
import type { Row } from "./row.ts";

const fileAt = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const esbuild = fileAt("../node_modules/.bin/esbuild");
const floor = "SDK";

/** What Lambda gets: of the shipped handler, and of functions that do a part of its work. */
export const row: Row = {
  title: "the zip of the function",
  rounds: 1,
  async open() {
    return {
      lines: [{ figure: "bytes", what: "zip", unit: "KB", floor, goal: 0.11, atMost: 10 }],
      contenders: {
        ours: async () => ({ bytes: (await packageHandler()).zip.length / 1024 }),
        [floor]: async () => ({ bytes: await zipped(bundled("../test/bench/functions/sdk.ts")) }),
        bare: async () => ({ bytes: await zipped(await readFile(fileAt("functions/bare.js"))) }),
      },
    };
  },
};

/** A function of the folder `functions` with all that it imports, as people bundle theirs. */
function bundled(source: string): Uint8Array {
  const options = ["--bundle", "--minify", "--platform=node", "--format=esm", "--target=node20"];
  const { status, stdout, stderr } = spawnSync(esbuild, [fileAt(source), ...options]);
  if (status !== 0) throw new Error(`esbuild ended with ${status}: ${stderr.toString()}`);
  return stdout;
}

const zipped = async (code: Uint8Array): Promise<number> =>
  (await zipFiles(new Map([["index.mjs", code]]))).zip.length / 1024;
