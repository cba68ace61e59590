import type { LastingSession } from "../client/lasting.ts";
import { explain } from "../errors/explain.ts";
import { openLineHistory, type LineHistory } from "../files/line-history.ts";
import type { Report } from "../progress.ts";
import type { Input } from "./input.ts";
import type { Message } from "./messages.ts";
import { mayHoldSecret } from "./secrets.ts";
import { runSlash, type Conversing } from "./slash.ts";
import { typedMessages, type Entry } from "./typed.ts";

interface Terminal {
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  report: Report;
  /** The user's state folder, where he has one. */
  home: string | undefined;
  /** What is kept in no history: the token, the values of headers. */
  secrets: readonly string[];
  closeWith: Conversing["closeWith"];
}

/** Messages that a person types, and commands that begin with a slash. */
export async function terminalInput(session: LastingSession, terminal: Terminal): Promise<Input> {
  const { stdin, stdout, report, closeWith } = terminal;
  report({ kind: "note", message: "type a message and press Enter; /help lists commands, Ctrl-D closes" });
  const history = await historyOf(terminal);
  const typing = typedMessages({
    input: stdin,
    stdout,
    history: history?.lines ?? [],
    tell: (what) => tell("note", ofUnfinished[what]),
  });
  const tell = (kind: "note" | "warning", message: string) => typing.above(() => report({ kind, message }));
  const conversing: Conversing = { session, clearScreen: typing.clear, closeWith };
  const typed: string[] = [];

  async function* messages(): AsyncGenerator<Message> {
    for await (const entry of typing.entries) {
      typed.push(lineOf(entry));
      const outcome = "command" in entry ? await runSlash(entry.command, conversing) : { send: entry };
      if (outcome === "end") break;
      if ("send" in outcome) yield outcome.send;
      else if ("warning" in outcome) tell("warning", outcome.warning);
      else for (const note of outcome.notes) tell("note", note);
    }
    if (typing.isOpen()) report({ kind: "warning", message: "the last message was not sent: it has no end" });
  }
  return {
    messages: messages(),
    above: typing.above,
    async close() {
      typing.close();
      await keep(history, typed, terminal);
    },
  };
}

/** What is said of a message that goes on over lines. */
const ofUnfinished = {
  begun: "this JSON has no end yet: go on, or press Ctrl-C to drop it; an empty line sends it as it is",
  dropped: "the unfinished message was dropped; Ctrl-C again ends",
} as const;

/** An entry as a line that would be typed; what ends a line is a blank in JSON. */
const lineOf = (entry: Entry): string => {
  if ("command" in entry) return `/${entry.command}`;
  const line = entry.text
    .split("\n")
    .map((part, index) => (index === 0 ? part.trimEnd() : part.trim()))
    .filter((part) => part !== "")
    .join(" ");
  return line.startsWith("/") ? `/${line}` : line;
};

async function historyOf({ home, report }: Terminal): Promise<LineHistory | undefined> {
  if (home === undefined) return undefined;
  try {
    const history = await openLineHistory(home);
    return { ...history, lines: history.lines.filter(isPrintable) };
  } catch (error) {
    report({ kind: "warning", message: notKept(error) });
    return undefined;
  }
}

const LONGEST_KEPT = 2_000;
const isPrintable = (line: string): boolean => !/[\p{Cc}\p{Cs}]/u.test(line);

/** As in a shell, a line that begins with a blank is kept nowhere. */
const isKept = (line: string, secrets: readonly string[]): boolean =>
  /^\S/.test(line) && line.length <= LONGEST_KEPT && isPrintable(line) && !mayHoldSecret(line, secrets);

async function keep(
  history: LineHistory | undefined,
  typed: readonly string[],
  { report, secrets }: Terminal,
): Promise<void> {
  try {
    await history?.add(typed.filter((line) => isKept(line, secrets)));
  } catch (error) {
    report({ kind: "warning", message: notKept(error) });
  }
}

function notKept(error: unknown): string {
  const { code, message } = explain(error);
  return `what is typed is not kept: ${code === "bug" ? (error as Error).message : message}`;
}
