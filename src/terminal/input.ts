import { LONGEST_MESSAGE } from "../client/session.ts";
import { messageJoiner, type Message } from "./messages.ts";

/** Where the messages to send come from, and how something is printed meanwhile. */
export interface Input {
  messages: Iterable<Message> | AsyncIterable<Message>;
  above: (print: () => void) => void;
  close: () => void | Promise<void>;
}

/** Messages that are known, or come through a pipe. */
export const scriptedInput = (messages: Input["messages"]): Input => ({
  messages,
  above: (print) => print(),
  close: () => {},
});

/** The messages in the lines of a pipe. */
export async function* piped(lines: AsyncIterable<string>): AsyncGenerator<Message> {
  const joiner = messageJoiner();
  for await (const line of lines) yield* joiner.add(line);
  yield* joiner.end();
}

/** Messages on their way out, with a warning before one that is not what it seems, or too long. */
export async function* checked(
  messages: Input["messages"],
  warn: (message: string) => void,
): AsyncGenerator<string> {
  for await (const { text, fault } of messages) {
    const bytes = Buffer.byteLength(text);
    if (fault !== undefined) warn(faults[fault]);
    if (bytes > LONGEST_MESSAGE)
      warn(
        `this message has ${bytes} bytes; API Gateway closes the connection (1009) over ${LONGEST_MESSAGE}`,
      );
    yield text;
  }
}

const faults: Readonly<Record<NonNullable<Message["fault"]>, string>> = {
  unfinished: "this message is JSON without its end; it is sent as it is",
  broken: "this message begins like JSON and is no valid JSON; it is sent as it is",
};
