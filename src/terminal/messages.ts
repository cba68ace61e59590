import { jsonIn } from "../contract/json.ts";

/**
 * A message as it is sent. `fault` where it begins like JSON and is none: it does not end, or more could not
 * make it right.
 */
export interface Message {
  text: string;
  fault?: "unfinished" | "broken";
}

/** Makes messages of lines: one of each, but one of all lines of a JSON object or array. */
export interface MessageJoiner {
  /** Takes a line, which may be one of several that are pasted; the messages that are complete with it. */
  add(line: string, how?: { isPasted: boolean }): Message[];
  /** What is left when there are no more lines. */
  end(): Message[];
  /** Whether the next line continues a value. */
  isOpen(): boolean;
}

/** More is no message of any WebSocket API, so that waiting for its end would only fill the memory. */
const MOST_JOINED = 1024 * 1024;

/**
 * A joiner for the lines that are typed, piped or pasted. An empty line is no message; in the middle of a
 * value it is a part of that, or ends it where `emptyLineEnds` and it was not pasted.
 */
export function messageJoiner({ emptyLineEnds = false } = {}): MessageJoiner {
  let open: OpenValue | undefined;
  const close = (fault?: Message["fault"]): Message[] => {
    const text = open?.lines.join("\n");
    open = undefined;
    return text === undefined ? [] : [{ text, ...(fault && { fault }) }];
  };
  const begin = (line: string): Message[] => {
    if (line === "") return [];
    if (!/^\s*[{[]/.test(line) || isJson(line)) return [{ text: line }];
    const reader = jsonReader();
    if (reader.read(line) !== "open") return [asMessage(line)];
    open = { lines: [line], length: line.length, reader };
    return [];
  };
  return {
    add(line, { isPasted } = { isPasted: false }) {
      if (!open) return begin(line);
      if (line.trim() === "" && emptyLineEnds && !isPasted) return close("unfinished");
      const fits = continues(open, line);
      if (fits === "not") return [...close("unfinished"), ...begin(line)];
      if (fits === "done") return close(open.depth === undefined ? undefined : "broken");
      return open.length > MOST_JOINED ? close("broken") : [];
    },
    end: () => close("unfinished"),
    isOpen: () => open !== undefined,
  };
}

/** A value that goes on in the next line. */
interface OpenValue {
  lines: string[];
  length: number;
  reader: JsonReader;
  /** Its open brackets, when it is no JSON any more: they say where it ends. */
  depth?: number;
}

/**
 * Takes the next line into an open value, unless it cannot be a part: `not` where it stands at the margin, as
 * the next message does. A mistake within, such as a forgotten comma, does not tear the value apart.
 */
function continues(open: OpenValue, line: string): "open" | "done" | "not" {
  const read = open.depth === undefined ? open.reader.read(line) : "broken";
  if (read === "broken" && !/^(?:\s|[}\]]|$)/.test(line)) return "not";
  open.lines.push(line);
  open.length += line.length + 1;
  if (read !== "broken") return read;
  open.depth = open.depth === undefined ? bracketsIn(open.lines.join("\n")) : open.depth + bracketsIn(line);
  return open.depth > 0 ? "open" : "done";
}

/** How many brackets outside of strings are opened more than closed. */
function bracketsIn(text: string): number {
  const outside = text.replaceAll(/"(?:[^"\\\n]|\\.)*"?/g, "");
  return outside.replaceAll(/[^{[]/g, "").length - outside.replaceAll(/[^}\]]/g, "").length;
}

/** A message that is given as a whole. */
export const asMessage = (text: string): Message =>
  isMeantAsJson(text) && !isJson(text) ? { text, fault: "broken" } : { text };

/**
 * A bracket begins many a text too, such as `[INFO] hi`: a brace, or an array with a first value, is meant.
 */
const isMeantAsJson = (line: string): boolean => /^\s*(?:\{|\[\s*(?:["{[\d-]|true|false|null))/.test(line);

const isJson = (text: string): boolean => jsonIn(text) !== undefined;

/** Reads an object or array line by line, each character once. */
interface JsonReader {
  /** What the value is after this line. JSON has no line ends within a word or a string. */
  read(line: string): "open" | "done" | "broken";
}

const string = String.raw`"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[\da-fA-F]{4})[^"\\\u0000-\u001f]*)*"`;
const scalar = String.raw`-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])|(?:true|false|null)(?!\w)`;
const token = new RegExp(String.raw`[ \t\r]*(?:([{}[\],:])|(${string})|(${scalar})|($))`, "y");

/** What may come next within a value. */
type Wanted = "value" | "first value" | "key" | "first key" | "colon" | "more";

/**
 * By what is wanted: the tokens that may come, and what is wanted after each. Brackets are pushed and popped.
 */
const steps: Readonly<Record<Wanted, Readonly<Record<string, Wanted>>>> = {
  value: { "{": "first key", "[": "first value", string: "more", scalar: "more" },
  "first value": { "{": "first key", "[": "first value", string: "more", scalar: "more", "]": "more" },
  key: { string: "colon" },
  "first key": { string: "colon", "}": "more" },
  colon: { ":": "value" },
  more: { ",": "value", "}": "more", "]": "more" },
};
const closing: Readonly<Record<string, string>> = { "}": "{", "]": "[" };

function jsonReader(): JsonReader {
  const brackets: string[] = [];
  let wanted: Wanted = "value";
  const take = (kind: string): boolean => {
    const next = steps[wanted][kind];
    if (next === undefined) return false;
    if (kind === "{" || kind === "[") brackets.push(kind);
    if (kind in closing && brackets.pop() !== closing[kind]) return false;
    wanted = kind === "," && brackets.at(-1) === "{" ? "key" : next;
    return true;
  };
  return {
    read(line) {
      let isDone = false;
      for (token.lastIndex = 0; ;) {
        const [found, mark, text, , end] = token.exec(line) ?? [];
        if (found === undefined) return "broken";
        if (end !== undefined) return isDone ? "done" : "open";
        if (isDone || !take(mark ?? (text === undefined ? "scalar" : "string"))) return "broken";
        isDone = brackets.length === 0;
      }
    },
  };
}
