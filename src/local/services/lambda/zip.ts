import { fromBuffer, type ZipFile } from "yauzl";
import { AwsError } from "../../aws-error.ts";
import { invalidParameter } from "./function.ts";

const maxZipped = 52_428_800;
const maxUnzipped = 262_144_000;

/** Refuses a deployment package that Lambda would refuse, in its words (aws-behaviour 4.4). Reads the directory of the zip only. */
export async function checkZip(zip: Uint8Array): Promise<void> {
  if (zip.length === 0) throw invalidParameter("Uploaded file must be a non-empty zip");
  if (zip.length > maxZipped)
    throw new AwsError("RequestEntityTooLargeException", `Zipped size must be smaller than ${maxZipped} bytes`, { status: 413 });
  const { entries, bytes } = await contentsOf(zip);
  if (entries === 0) throw invalidParameter("Uploaded file must be a non-empty zip");
  if (bytes > maxUnzipped) throw invalidParameter(`Unzipped size must be smaller than ${maxUnzipped} bytes`);
}

function contentsOf(zip: Uint8Array): Promise<{ entries: number; bytes: number }> {
  return new Promise((resolve, reject) => {
    const refuse = (): void => reject(invalidParameter("Could not unzip uploaded file. Please check your file, then try to upload again."));
    fromBuffer(Buffer.from(zip.buffer, zip.byteOffset, zip.byteLength), { lazyEntries: false }, (_problem, file?: ZipFile) => {
      if (!file) return refuse();
      const found = { entries: 0, bytes: 0 };
      file.on("error", refuse);
      file.on("entry", ({ uncompressedSize }: { uncompressedSize: number }) => {
        found.entries += 1;
        found.bytes += uncompressedSize;
      });
      file.on("end", () => resolve(found));
    });
  });
}
