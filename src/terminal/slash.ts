import { isUtf8 } from "node:buffer";
import type { LastingSession } from "../client/lasting.ts";
import { readRegular } from "../files/read.ts";
import { asMessage, type Message } from "./messages.ts";

/** What the commands of a conversation act on. */
export interface Conversing {
  session: LastingSession;
  clearScreen(): void;
  /** The connection is to be closed with this code when the conversation ends. */
  closeWith(code: number): void;
}

/** What came of a command: a message to send, lines for the person, or the end of the conversation. */
type Outcome = { send: Message } | { notes: readonly string[] } | { warning: string } | "end";

interface SlashCommand {
  usage: string;
  does: string;
  run(argument: string, conversing: Conversing): Promise<Outcome> | Outcome;
}

const nothing: Outcome = { notes: [] };
/** More is no message of any WebSocket API. */
const LARGEST_FILE = 1024 * 1024;

/** What a person can type instead of a message. A new one is an entry here. */
const slashCommands: Readonly<Record<string, SlashCommand>> = {
  help: { usage: "/help", does: "this list", run: () => ({ notes: helpLines }) },
  "send-file": {
    usage: "/send-file FILE",
    does: "sends what a file holds as one message",
    run: (file) => (file === "" ? { warning: "/send-file needs the name of a file" } : fileIn(file)),
  },
  reconnect: {
    usage: "/reconnect",
    does: "closes the connection and opens it again",
    async run(_argument, { session }) {
      await session.renew();
      return nothing;
    },
  },
  ping: {
    usage: "/ping",
    does: "sends a ping of the protocol and waits for its pong",
    async run(_argument, { session }) {
      const ms = await session.ping();
      if (ms === undefined) return { warning: "the connection was closed before the pong came" };
      return { notes: [`pong after ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`] };
    },
  },
  clear: {
    usage: "/clear",
    does: "clears the screen",
    run(_argument, { clearScreen }) {
      clearScreen();
      return nothing;
    },
  },
  close: {
    usage: "/close [CODE]",
    does: "closes the connection with 1000, or a code from 3000 to 4999, and ends",
    run(argument, { closeWith }) {
      const code = argument === "" ? 1000 : Number(argument);
      if (code !== 1000 && !(Number.isInteger(code) && code >= 3000 && code <= 4999))
        return { warning: "/close takes 1000 or a code from 3000 to 4999" };
      closeWith(code);
      return "end";
    },
  },
  quit: { usage: "/quit", does: "ends, as Ctrl-D does", run: () => "end" },
};

const helpLines = [
  ...Object.values(slashCommands).map(({ usage, does }) => `${usage.padEnd(15)}  ${does}`),
  `${"//…".padEnd(15)}  sends a message that begins with one slash`,
];

/** Runs what was typed behind the slash. */
export function runSlash(typed: string, conversing: Conversing): Promise<Outcome> | Outcome {
  const [, name = "", argument = ""] = /^(\S*)\s*(.*)$/s.exec(typed.trim()) ?? [];
  const found = Object.hasOwn(slashCommands, name) ? slashCommands[name] : undefined;
  if (found) return found.run(argument, conversing);
  return { warning: `there is no command /${name}: /help lists them, and //${typed} is sent as a message` };
}

/** The text of a file as it is, without a byte order mark, and without the line feed at its end. */
function fileIn(file: string): Outcome {
  const reading = readRegular(file, LARGEST_FILE);
  if (!("bytes" in reading)) return { warning: `${file} was not sent: ${reading.fault}` };
  if (!isUtf8(reading.bytes)) return { warning: `${file} was not sent: it holds no text in UTF-8` };
  const text = reading.bytes.toString().replace(/^\ufeff/, "");
  return { send: asMessage(text.replace(/\r?\n$/, "")) };
}
