import { CliError } from "../errors/error.ts";
import type { Artifact } from "./zip.ts";

/** The most that Lambda takes in the request itself (AWS.md 4.4). */
const MOST_UPLOADED = 52_428_800;

/** A number of bytes as people say it. */
export const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1024 / 1024)} MB`;

/** Whether Lambda takes a zip in the request itself. */
export const fitsRequest = ({ zip }: Artifact): boolean => zip.length <= MOST_UPLOADED;

/** Throws a CliError (exit 2) for a zip that is too large for the request itself. */
export function requireUploadable(artifact: Artifact): void {
  if (fitsRequest(artifact)) return;
  const { zip } = artifact;
  throw new CliError(
    "zip-too-large",
    `the zip has ${megabytes(zip.length)}, and Lambda takes ${megabytes(MOST_UPLOADED)} at most in a request`,
    { hint: "leave out what the function does not need" },
  );
}
