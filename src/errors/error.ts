/** The exit codes that the command line promises; nothing else is ever returned. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  different: 3,
  refused: 4,
  interrupted: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/**
 * A failure that is told to a person: what was attempted, with which value, and (as `hint`) what to do now.
 * Anything else that is thrown is a bug and is reported as one.
 */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly hint: string | undefined;
  readonly exitCode: ExitCode;

  constructor(
    message: string,
    {
      hint,
      exitCode = exitCodes.failed,
      cause,
    }: { hint?: string; exitCode?: ExitCode; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.hint = hint;
    this.exitCode = exitCode;
  }
}
