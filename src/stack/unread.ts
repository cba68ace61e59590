import { exitCodes } from "../errors/codes.ts";
import type { CliError } from "../errors/error.ts";
import { explain } from "../errors/explain.ts";
import type { Report } from "../progress.ts";
import type { AnyResource } from "./resource.ts";

/** Why some resources could not be read. */
export type Unread = ReadonlyMap<AnyResource, CliError>;

/**
 * Why one could not be read, where others are worth reading all the same. Throws what no other reading helps
 * (exit codes other than 1), as it was thrown: the command line knows more about it, such as the profile that
 * was asked for.
 */
export function unreadFor(thrown: unknown): CliError {
  const error = explain(thrown);
  if (error.exitCode !== exitCodes.failed || error.code === "bug") throw thrown;
  return error;
}

export const tellUnread = ({ id, name }: AnyResource, { message }: CliError, report: Report): void =>
  report({ kind: "warning", message: `${id} ${name} cannot be read: ${message}` });
