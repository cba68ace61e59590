import type { Advice } from "../errors/advice.ts";
import type { ExitCode } from "../errors/codes.ts";
import type { CommandName, OptionsOf } from "../settings/commands.ts";
import type { Context } from "./context.ts";
import type { Next } from "./next.ts";

/** What is streamed: each item says in JSON what it is. */
export interface Streamed {
  kind: string;
}

/** A streamed item for who reads stdout in a pipe: its content, a line; `aside` goes to stderr. */
export interface Plain {
  content?: string;
  aside?: Advice;
}

/** What a CI system shows at a run, as an error or as a warning. */
export interface Notice {
  level: "error" | "warning";
  message: string;
  hint: Advice | null;
}

/**
 * What a command does, in one file: an object literal. What the help says of it is its row in
 * `settings/commands`. It returns data; `main` prints what `render` makes of it and
 * exits with `exitCode`. `run` takes its own settings apart in its parameter list, so that one which it does
 * not use does not compile; the groups of `settings/commands` go on whole. `Item` is what it streams.
 */
export interface Command<C extends CommandName, Result extends object, Item extends Streamed = never> {
  run(options: OptionsOf<C>, context: Context<Item>): Promise<Result>;
  /** The result is for programs: no line of it is broken, on a terminal neither. */
  verbatim?: true;
  /** The result for people. With `--json` the result itself is printed instead. */
  render(result: Result, options: OptionsOf<C>): Advice;
  /**
   * What to type next, with the options that lead to this run's stack; or why there is nothing. It stands
   * behind the result in words, and in its JSON as `next`.
   */
  next(result: Result, options: OptionsOf<C>): Next;
  /** Programs read the result in words too: what to type next goes to stderr, as for what is verbatim. */
  piped?: true;
  /** The result for the summary of a step in GitHub Actions. */
  summary?(result: Result, options: OptionsOf<C>): Advice;
  /** What a CI system is to show at the run: what failed, and what was not proven. */
  notices?(result: Result, options: OptionsOf<C>): readonly Notice[];
  /** What the result prints and no log may keep: a CI system is told before. */
  secrets?(result: Result): readonly string[];
  /** A streamed item for people; undefined leaves it out. */
  line?(item: Item, options: OptionsOf<C>): Advice | undefined;
  /** Instead of `line` where stdout is no terminal; then the result goes to stderr. */
  plain?(item: Item): Plain;
  exitCode?(result: Result, options: OptionsOf<C>): ExitCode;
  /** What to type after Ctrl-C has cut its writes, where that is not the same command once more. */
  afterCut?: Advice;
  /** The result in words lists what was done, so that the progress need not. */
  listsChanges?: true;
  /**
   * Ctrl-C is how it is meant to end: nothing is said of that, and the result up to then is printed. Where
   * options decide, only then it streams.
   */
  untilInterrupted?: true | ((options: OptionsOf<C>) => boolean);
  /** Others wait for its answers: no output that is not read may hold it up. */
  serves?: true;
}

/** Any command, for code that treats them all alike (the methods are bivariant on purpose). */
export type AnyCommand = Command<CommandName, object, Streamed>;

/** Each command's file, by the command's name; loaded when it is called. */
export type CommandFiles = {
  readonly [C in CommandName]: () => Promise<{ command: Command<C, object, Streamed> }>;
};
