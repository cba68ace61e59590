import { isUtf8 } from "node:buffer";
import { createInterface } from "node:readline";
import { addAbortSignal, Writable } from "node:stream";
import { CliError } from "../errors/error.ts";

/** The lines of a piped stdin, read as they are asked for. */
export interface PipedLines extends AsyncIterableIterator<string> {
  close: () => void;
}

/** Starts reading a stdin that is no terminal. */
export function pipedLines(input: NodeJS.ReadStream): PipedLines {
  const reader = createInterface({ input, crlfDelay: Infinity });
  // Asked for at once: lines that come before would be lost.
  const lines = withoutMark(reader[Symbol.asyncIterator]());
  return { next: () => lines.next(), [Symbol.asyncIterator]: () => lines, close: () => reader.close() };
}

/** Many editors begin a file with a byte order mark, which is none of its text. */
async function* withoutMark(lines: AsyncIterableIterator<string>): AsyncGenerator<string, undefined> {
  let isFirst = true;
  for await (const line of lines) {
    yield isFirst ? line.replace(/^\ufeff/, "") : line;
    isFirst = false;
  }
}

/** The token, which is the first line. Throws a CliError (exit 2) when there is none. */
export async function tokenFrom(lines: AsyncIterator<string>): Promise<string> {
  const { value, done } = await lines.next();
  const token = done ? "" : String(value).trim();
  if (token === "")
    throw new CliError("token-missing", "no token was typed, or stdin has none in its first line", {
      hint: "type it, pass it in the first line with --token-stdin, or set SHELFSHACK_TOKEN",
    });
  return token;
}

/**
 * The token, asked for on a terminal and not shown when typed. Throws as `tokenFrom` does, or (exit 130) for
 * Ctrl-C.
 */
export const typedToken = (input: NodeJS.ReadStream): Promise<string> =>
  typedUnseen(input, "token", tokenFrom);

/**
 * One line that is asked for on a terminal and not shown when typed. Throws a CliError (exit 130) for Ctrl-C,
 * Ctrl-D and an aborted `signal`.
 */
export const typedSecret = (input: NodeJS.ReadStream, what: string, signal: AbortSignal): Promise<string> =>
  typedUnseen(
    input,
    what,
    async (lines) => {
      const { value, done } = await lines.next();
      if (done) throw new CliError("no-answer", "no answer was given, nothing was done");
      return String(value);
    },
    signal,
  );

/**
 * The value of a variable, not shown when it is typed on a terminal: one line. From a stdin that is none it
 * is all that this holds, without the line feed at its end. Throws a CliError (exit 2) where there is none,
 * where it is more than `most` bytes, or no text; (exit 130) for Ctrl-C.
 */
export async function secretValue(
  name: string,
  input: NodeJS.ReadStream,
  { most, signal }: { most: number; signal: AbortSignal },
): Promise<string> {
  const value = input.isTTY
    ? await typedUnseen(input, name, async (lines) => String((await lines.next()).value ?? ""))
    : await pipedText(input, { most, signal });
  if (value === "") throw new CliError("value-missing", "stdin has no value, or none was typed");
  return value;
}

/**
 * All that a stdin which is no terminal holds, without the line feed at its end. Throws a CliError (exit 2)
 * for more than `most` bytes, and for what is no text.
 */
export async function pipedText(
  stdin: NodeJS.ReadStream,
  { most, signal }: { most: number; signal: AbortSignal },
): Promise<string> {
  const input: AsyncIterable<Buffer> = addAbortSignal(signal, stdin);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of input) {
    chunks.push(chunk);
    if ((length += chunk.length) > most)
      throw new CliError("value-invalid", `stdin holds more than ${most} bytes`);
  }
  const bytes = Buffer.concat(chunks);
  if (!isUtf8(bytes)) throw new CliError("value-invalid", "stdin holds no text in UTF-8");
  return bytes
    .toString()
    .replace(/^\ufeff/, "")
    .replace(/\r?\n$/, "");
}

/** Asks for `what`, and takes of the lines that are typed then. */
async function typedUnseen(
  input: NodeJS.ReadStream,
  what: string,
  take: (lines: AsyncIterator<string>) => Promise<string>,
  signal?: AbortSignal,
): Promise<string> {
  const unseen = new Writable({ write: (_echo, _encoding, done) => done() });
  const editor = createInterface({ input, output: unseen, terminal: true });
  let isInterrupted = false;
  editor.on("SIGINT", () => {
    isInterrupted = true;
    editor.close();
    process.emit("SIGINT");
  });
  signal?.addEventListener("abort", () => editor.close(), { once: true });
  process.stderr.write(`${what} (hidden): `);
  try {
    const value = await take(editor[Symbol.asyncIterator]());
    // Ctrl-C ends the lines, as Ctrl-D does.
    if (isInterrupted) throw new CliError("interrupted", "interrupted");
    return value;
  } catch (error) {
    throw isInterrupted ? new CliError("no-answer", `no ${what} was given`, { cause: error }) : error;
  } finally {
    editor.close();
    process.stderr.write("\n");
  }
}
