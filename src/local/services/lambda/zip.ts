import { AwsError, notEmulated } from "../../aws-error.ts";
import { openZip, ZipError, zipLimits } from "../../../files/zip-list.ts";
import { invalidParameter } from "./function.ts";

const maxZipped = 52_428_800;
const malformed = "Could not unzip uploaded file. Please check your file, then try to upload again.";

/**
 * Refuses a deployment package that Lambda would refuse, in its words (AWS.md 4.4), or that could not be run
 * here. Reads the zip's list of entries only.
 */
export async function checkZip(zip: Uint8Array): Promise<void> {
  if (zip.length === 0) throw invalidParameter("Uploaded file must be a non-empty zip");
  if (zip.length > maxZipped)
    throw new AwsError(
      "RequestEntityTooLargeException",
      `Zipped size must be smaller than ${maxZipped} bytes`,
      { status: 413 },
    );
  const { file, entries } = await openZip(zip).catch((error: unknown) => {
    throw error instanceof ZipError ? refusals[error.kind](error) : error;
  });
  file.close();
  if (entries.length === 0) throw invalidParameter("Uploaded file must be a non-empty zip");
}

const refusals: Readonly<Record<ZipError["kind"], (error: ZipError) => AwsError>> = {
  // Lambda does not say what it could not unzip; here the reason is added.
  malformed: ({ message }) => invalidParameter(`${malformed} [local] ${message}`),
  "too large": () => invalidParameter(`Unzipped size must be smaller than ${zipLimits.bytes} bytes`),
  "not emulated": ({ message }) => notEmulated(`a deployment package where ${message} (Lambda)`),
};
