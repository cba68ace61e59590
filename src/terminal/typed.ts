import { clearScreenDown, createInterface, cursorTo, moveCursor } from "node:readline";
import type { Interface } from "node:readline";
import { messageJoiner, type Message, type MessageJoiner } from "./messages.ts";

/**
 * `prevRows`, how many rows readline goes up before it draws its line again, is not documented. Nothing else
 * tells it that the line is gone, and it does not follow by itself when text is pasted.
 */
type Editor = Interface & { prevRows?: number };

/** What a person has typed: a message, or a command that begins with a slash, without that. */
export type Entry = Message | { command: string };

/**
 * The messages that a person types while other lines appear above them; arrow keys, history and editing are
 * readline's.
 */
export interface TypedMessages {
  /**
   * Ends with Ctrl-D. JSON goes on over lines, with another prompt, until it is complete; an empty line that
   * is typed ends it as it is, Ctrl-C drops it, and a command leaves it open. A message that begins with a
   * slash is typed with two; what is pasted over lines is no command.
   */
  entries: AsyncIterable<Entry>;
  /** Whether a message was begun and not ended. */
  isOpen: () => boolean;
  /**
   * Runs `print`, which writes whole lines to the terminal, with the half-typed line out of the way, and
   * shows that again below.
   */
  above: (print: () => void) => void;
  /** Clears the screen. */
  clear: () => void;
  close: () => void;
}

/** Where is typed and shown, and the lines of earlier times, the newest last. */
export interface Typing {
  input: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  stderr?: NodeJS.WriteStream;
  history?: readonly string[];
  /** Says what became of a message over lines: one was begun for the first time, or one was dropped. */
  tell(what: "begun" | "dropped"): void;
}

const MOST_HISTORY = 1_000;
/** Asks the terminal to mark what is pasted, or no more. */
const markPastes = { on: "\u001b[?2004h", off: "\u001b[?2004l" } as const;

/**
 * Starts reading from a terminal. The prompt goes to stderr, as stdout is for results, or to stdout where
 * only that is a terminal. Ctrl-C counts as the signal SIGINT, as it would without the editing, unless there
 * is an unfinished message to drop.
 */
export function typedMessages({
  input,
  stdout,
  stderr = process.stderr,
  history = [],
  tell,
}: Typing): TypedMessages {
  const output = stderr.isTTY ? stderr : stdout;
  const editor: Editor = createInterface({
    input,
    output,
    terminal: output.isTTY,
    prompt: "> ",
    history: history.toReversed(),
    historySize: MOST_HISTORY,
    removeHistoryDuplicates: true,
  });
  const joiner = messageJoiner({ emptyLineEnds: true });
  dropOrEnd(editor, joiner, () => tell("dropped"));
  const isPasting = followPastes(editor, { input, output });
  const joined: Entry[][] = [];
  editor.on("line", (line) => {
    joined.push(entriesIn(line, { isPasted: isPasting(), joiner }));
    editor.setPrompt(joiner.isOpen() ? "... " : "> ");
  });
  if (output.isTTY) {
    replaceEcho(editor, { input, output, isOpen: joiner.isOpen });
    tellOnce(
      editor,
      () => joiner.isOpen() && !isPasting(),
      () => tell("begun"),
    );
  }
  const lines = editor[Symbol.asyncIterator]();
  let isShown = output.isTTY;
  const show = () => {
    if (isShown) editor.prompt(true);
  };
  const hide = () => {
    if (isShown) eraseTyped(editor, output);
  };
  editor.once("close", () => {
    hide();
    isShown = false;
  });
  show();
  return {
    entries: (async function* () {
      for await (const _line of lines) yield* joined.shift() ?? [];
    })(),
    isOpen: joiner.isOpen,
    above(print) {
      hide();
      print();
      show();
    },
    clear: () => editor.write(null, { ctrl: true, name: "l" }),
    close: () => editor.close(),
  };
}

/** What Ctrl-C does: an unfinished message goes, or the session ends. */
function dropOrEnd(editor: Editor, joiner: MessageJoiner, tell: () => void): void {
  editor.on("SIGINT", () => {
    if (!joiner.isOpen()) {
      editor.close();
      process.emit("SIGINT");
      return;
    }
    joiner.end();
    editor.write(null, { ctrl: true, name: "e" });
    editor.write(null, { ctrl: true, name: "u" });
    editor.setPrompt("> ");
    tell();
  });
}

function entriesIn(
  line: string,
  { isPasted, joiner }: { isPasted: boolean; joiner: MessageJoiner },
): Entry[] {
  // No line of JSON begins so: it is meant as in any other place.
  if (isPasted || !line.startsWith("/")) return joiner.add(line, { isPasted });
  return line.startsWith("//") ? [...joiner.end(), { text: line.slice(1) }] : [{ command: line.slice(1) }];
}

/** Runs `tell` after the first line that was entered and `isTime`. */
function tellOnce(editor: Editor, isTime: () => boolean, tell: () => void): void {
  const look = () => {
    if (!isTime()) return;
    editor.off("line", look);
    tell();
  };
  editor.on("line", look);
}

/**
 * Whether what comes now is pasted. Only with marks can that be told, which the terminal leaves out until it
 * is asked; it goes on with them when this process has ended, so they are taken back in any case.
 */
function followPastes(editor: Editor, { input, output }: Pick<Echo, "input" | "output">): () => boolean {
  let isPasting = false;
  if (!output.isTTY) return () => false;
  const leave = () => void output.write(markPastes.off);
  output.write(markPastes.on);
  process.once("exit", leave);
  editor.once("close", () => {
    process.off("exit", leave);
    leave();
  });
  input.prependListener("keypress", (_text: string | undefined, key: { name?: string } | undefined) => {
    if (key?.name === "paste-start" || key?.name === "paste-end") isPasting = key.name === "paste-start";
  });
  return () => isPasting;
}

/** Takes the half-typed line off the screen, however many rows it fills. */
function eraseTyped(editor: Editor, output: NodeJS.WriteStream): void {
  moveCursor(output, 0, -editor.getCursorPos().rows);
  cursorTo(output, 0);
  clearScreenDown(output);
  editor.prevRows = 0;
}

interface Echo {
  input: NodeJS.ReadStream;
  output: NodeJS.WriteStream;
  isOpen: () => boolean;
}

/**
 * A line that was entered disappears: the command shows it again in its own form, with time and size. The
 * first lines of a longer message stay to be seen until then, and after.
 */
function replaceEcho(editor: Editor, { input, output, isOpen }: Echo): void {
  let rows = 0;
  input.prependListener("keypress", (_text: string | undefined, key: { name?: string } | undefined) => {
    editor.prevRows = editor.getCursorPos().rows;
    if (key?.name !== "return" && key?.name !== "enter") return;
    editor.write(null, { ctrl: true, name: "e" });
    ({ rows } = editor.getCursorPos());
  });
  editor.on("line", () => {
    if (!isOpen()) {
      moveCursor(output, 0, -rows - 1);
      cursorTo(output, 0);
      clearScreenDown(output);
    }
    editor.prompt();
  });
}
