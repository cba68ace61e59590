import { writeFile } from "node:fs/promises";
import { packageHandler, requireHandler, type Entry } from "../artifact/zip.ts";
import type { Command } from "../cli/command.ts";

interface PackageResult {
  file: string;
  /** In bytes. */
  size: number;
  entries: Entry[];
  /** Base64, as Lambda's `CodeSha256`. */
  sha256: string;
}

export const command: Command<PackageResult> = {
  options: ["out", "handler", "runtime"],
  examples: [
    { line: "package", does: "writes websocket_proxy.zip" },
    { line: "package --out build/proxy.zip", does: "writes it somewhere else" },
  ],

  async run({ out, handler, runtime }) {
    const { zip, sha256, entries } = await packageHandler();
    requireHandler({ handler, runtime }, entries);
    await writeFile(out, zip);
    return { file: out, size: zip.length, entries, sha256 };
  },

  render({ file, size, entries, sha256 }) {
    return [
      `${file}  ${size} bytes`,
      ...entries.map((entry) => `  ${entry.name}  ${entry.size} bytes`),
      `sha256 ${sha256}`,
      "Lambda shows the same value as CodeSha256 when this code is deployed",
    ].join("\n");
  },
};
