import type { Advice } from "./advice.ts";
import { errorCodes, type ErrorCode, type ExitCode } from "./codes.ts";
import type { Phase } from "./network.ts";

/**
 * A failure that is shown to a person: what was attempted, with which value, and (as `hint`) what to do now.
 * Anything else that is thrown is a bug and is reported as one.
 */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly code: ErrorCode;
  readonly hint: Advice | undefined;
  /** How far a connection had got that failed. */
  readonly phase: Phase | undefined;
  /** The file or folder that it is about. */
  readonly path: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    { hint, phase, path, cause }: Partial<Pick<CliError, "hint" | "phase" | "path" | "cause">> = {},
  ) {
    super(message, { cause });
    this.code = code;
    this.hint = hint;
    this.phase = phase;
    this.path = path;
  }

  /** What the process ends with. */
  get exitCode(): ExitCode {
    return errorCodes[this.code];
  }
}
