import { clearScreenDown, createInterface, cursorTo, moveCursor } from "node:readline";
import type { Interface } from "node:readline";
import { CliError, exitCodes } from "../errors.ts";

/** The lines that a person types while other lines appear above them; arrow keys, history and editing are readline's. */
export interface TypedLines {
  /** Ends with Ctrl-D. */
  lines: AsyncIterable<string>;
  /** Runs `print`, which writes whole lines to the terminal, with the half-typed line out of the way, and shows that again below. */
  above: (print: () => void) => void;
  close: () => void;
}

/**
 * Starts reading from a terminal. The prompt goes to stderr, as stdout is for results, or to stdout where only that is a terminal.
 * Ctrl-C counts as the signal SIGINT, as it would without the editing.
 */
export function typedLines(input: NodeJS.ReadStream, stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream = process.stderr): TypedLines {
  const output = stderr.isTTY ? stderr : stdout;
  const editor = createInterface({ input, output, terminal: output.isTTY, prompt: "> " });
  editor.on("SIGINT", () => {
    editor.close();
    process.emit("SIGINT");
  });
  if (output.isTTY) replaceEcho(editor, input, output);
  const lines = editor[Symbol.asyncIterator]();
  let isShown = output.isTTY;
  const show = () => {
    if (isShown) editor.prompt(true);
  };
  const hide = () => (isShown ? eraseTyped(editor, output) : 0);
  editor.once("close", () => {
    hide();
    isShown = false;
  });
  show();
  return {
    lines: { [Symbol.asyncIterator]: () => lines },
    above(print) {
      const rows = hide();
      print();
      // Readline goes up by as many rows as it believes to be above its cursor.
      output.write("\n".repeat(rows));
      show();
    },
    close: () => editor.close(),
  };
}

/** Takes the half-typed line off the screen, however many rows it fills; returns how many were above its cursor. */
function eraseTyped(editor: Interface, output: NodeJS.WriteStream): number {
  const { rows } = editor.getCursorPos();
  moveCursor(output, 0, -rows);
  cursorTo(output, 0);
  clearScreenDown(output);
  return rows;
}

/** A line that was entered disappears: the command shows it again in its own form, with time and size. */
function replaceEcho(editor: Interface, input: NodeJS.ReadStream, output: NodeJS.WriteStream): void {
  let rows = 0;
  input.prependListener("keypress", (_text: string | undefined, key: { name?: string } | undefined) => {
    if (key?.name !== "return" && key?.name !== "enter") return;
    editor.write(null, { ctrl: true, name: "e" });
    ({ rows } = editor.getCursorPos());
  });
  editor.on("line", () => {
    moveCursor(output, 0, -rows - 1);
    cursorTo(output, 0);
    clearScreenDown(output);
    editor.prompt();
  });
}

/** The lines of a piped stdin, read as they are asked for. */
export interface PipedLines extends AsyncIterableIterator<string> {
  close: () => void;
}

/** Starts reading a stdin that is no terminal. */
export function pipedLines(input: NodeJS.ReadStream): PipedLines {
  const reader = createInterface({ input, crlfDelay: Infinity });
  const lines = reader[Symbol.asyncIterator]();
  return { next: () => lines.next(), [Symbol.asyncIterator]: () => lines, close: () => reader.close() };
}

/** The token that `--token-stdin` promises: the first line. Throws a CliError (exit 2) when there is none. */
export async function tokenFrom(lines: AsyncIterator<string>): Promise<string> {
  const { value, done } = await lines.next();
  const token = done ? "" : String(value).trim();
  if (token === "")
    throw new CliError("--token-stdin found no token on stdin", { hint: "pass it in the first line", exitCode: exitCodes.usage });
  return token;
}
