import { fitsRequest } from "../artifact/upload.ts";
import type { Entry } from "../artifact/zip.ts";
import { isOurs } from "../artifact/zip-writer.ts";
import { codeFor, requireLoadable } from "../code/code.ts";
import type { Command } from "../cli/command.ts";
import { typing } from "../cli/next.ts";
import { command as invocation } from "../errors/advice.ts";
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
  async run({ out, source, zip: given, handler, runtime, architecture, local }, context) {
    const options = { source, zip: given, handler, runtime, architecture, local };
    const artifact = await codeFor({ ...options, out }, context);
    const { zip, sha256, entries } = artifact;
    await requirePackage(out, zip);
    await requireLoadable(artifact, options, context);
    if (!fitsRequest(artifact)) context.report({ kind: "warning", message: TOO_LARGE });
    await replaceFile(out, zip);
    return { file: out, bytes: zip.length, entries, sha256 };
  },

  piped: true,
  next: () => typing(invocation("deploy")),

  render({ file, bytes, entries, sha256 }) {
    return [
      `${file}  ${bytes} bytes`,
      ...entries.slice(0, MOST_LINES).map((entry) => `  ${entry.name}  ${entry.bytes} bytes`),
      ...(entries.length > MOST_LINES ? [`  and ${entries.length - MOST_LINES} more`] : []),
      `sha256 ${sha256}`,
      "Lambda shows the same value as CodeSha256 when this code is deployed",
    ].join("\n");
  },
};

/** As many files as a person reads; `--json` has all. */
const MOST_LINES = 40;

const TOO_LARGE = "Lambda takes this zip by way of S3 alone: a request holds 50 MB at most";

/** Throws a CliError (exit 4) where something stands that no `package` has made. */
async function requirePackage(file: string, zip: Uint8Array): Promise<void> {
  const begun = await firstBytes(file, 64);
  if (begun === undefined || begun.length === 0 || isOurs(begun)) return;
  // A zip that was given, written once more.
  if (Buffer.from(begun).equals(zip.subarray(0, begun.length))) return;
  throw new CliError("file-kept", `${file} is no package of a handler, so it is not overwritten`, {
    hint: "remove it, or name another file with --out",
  });
}
