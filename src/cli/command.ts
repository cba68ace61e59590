import type { ExitCode } from "../errors/codes.ts";
import type { Report } from "../progress.ts";
import type { SettingName, Settings } from "../settings/table.ts";

/**
 * What a command gets from the outside besides its settings. `Item` is what it streams while it runs (frames,
 * log lines).
 */
export interface Context<Item = never> {
  report: Report;
  /** Hands over one streamed item: a line of text, or one line of JSON with `--json`. */
  emit(item: Item): void;
  /**
   * Asks a person; where nobody can answer (no terminal, CI) it throws a CliError with exit code 2 that names
   * the option to use instead.
   */
  ask(question: { text: string; option: string }): Promise<string>;
  /** Aborted by the first Ctrl-C or SIGTERM: finish the running call, then stop. */
  signal: AbortSignal;
  /** The words after the command's name that are not options. */
  words: readonly string[];
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
}

/**
 * One command: an object literal in one file. It returns data; `cli.ts` prints what `render` makes of it and
 * exits with `exitCode`.
 */
export interface Command<Result, Item = never> {
  /** Settings that it takes besides the global ones, in the order of its help. */
  options: readonly SettingName[];
  /** How its words look in the usage line, for example "<step>". */
  usage?: string;
  examples: readonly { line: string; does: string }[];
  run(settings: Settings, context: Context<Item>): Promise<Result>;
  /** The result for people. With `--json` the result itself is printed instead. */
  render(result: Result, settings: Settings): string;
  /** The result for the summary of a step in GitHub Actions. */
  summary?(result: Result, settings: Settings): string;
  /** A streamed item for people; undefined leaves it out. */
  line?(item: Item): string | undefined;
  exitCode?(result: Result, settings: Settings): ExitCode;
  /** Ctrl-C is how it is meant to end: nothing is said of that, and the result up to then is printed. */
  untilInterrupted?: true;
}
