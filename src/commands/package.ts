import { isPackage, packageFor, type Entry } from "../artifact/zip.ts";
import type { Command } from "../cli/command.ts";
import { CliError } from "../errors/error.ts";
import { firstBytes, replaceFile } from "../files/write.ts";

interface PackageResult {
  file: string;
  bytes: number;
  entries: Entry[];
  /** Base64, as Lambda's `CodeSha256`. */
  sha256: string;
}

export const command: Command<"package", PackageResult> = {
  async run({ out, handler, runtime }) {
    const { zip, sha256, entries } = await packageFor({ handler, runtime });
    await requirePackage(out);
    await replaceFile(out, zip);
    return { file: out, bytes: zip.length, entries, sha256 };
  },

  render({ file, bytes, entries, sha256 }) {
    return [
      `${file}  ${bytes} bytes`,
      ...entries.map((entry) => `  ${entry.name}  ${entry.bytes} bytes`),
      `sha256 ${sha256}`,
      "Lambda shows the same value as CodeSha256 when this code is deployed",
    ].join("\n");
  },
};

/** Throws a CliError (exit 4) where something stands that no `package` has made. */
async function requirePackage(file: string): Promise<void> {
  const begun = await firstBytes(file, 64);
  if (begun === undefined || begun.length === 0 || isPackage(begun)) return;
  throw new CliError("file-kept", `${file} is no package of a handler, so it is not overwritten`, {
    hint: "remove it, or name another file with --out",
  });
}
