import { safeStyled, unstyled, withWholes } from "./style.ts";

/** Between two columns. */
const GAP = 2;
/** A column is not squeezed below this or a word; where that is not enough, the table gives up columns. */
const NARROWEST = 8;
/** Characters that take two columns: East Asian scripts, full-width forms, emoji. */
const wide = new RegExp(
  [
    "[\\u1100-\\u115f\\u2e80-\\u303e\\u3041-\\ua4cf\\uac00-\\ud7a3\\uf900-\\ufaff\\ufe30-\\ufe6f",
    "\\uff00-\\uff60\\uffe0-\\uffe6\\u{1f300}-\\u{1faff}\\u{20000}-\\u{3fffd}]",
  ].join(""),
  "u",
);

/** A text as a part of one line: its line ends are shown. */
export const oneLine = (text: string): string => text.replaceAll(/\r?\n/g, "\\n");

/** A text whose characters take one column each. */
const narrow = /^[ -~]*$/;

/** How many columns a text takes on a terminal. */
export function widthOf(text: string): number {
  const plain = unstyled(text);
  if (narrow.test(plain)) return plain.length;
  let width = 0;
  for (const character of plain) width += /\p{M}/u.test(character) ? 0 : wide.test(character) ? 2 : 1;
  return width;
}

/**
 * Columns of the screen that stdout is; endless where it is none, so that nothing is broken in a file or a
 * pipe.
 */
export function screenWidth(): number {
  const { isTTY, columns } = process.stdout;
  return isTTY && columns > 0 ? columns : Infinity;
}

/** The cells of a row, or a remark below the row before it, which keeps to no column. */
export type Row = readonly string[] | string;

/**
 * Rows in columns, at most `width` columns wide, line ends within a cell shown as such: the widest column
 * gives way first and its cells wrap. A row of which two cells would wrap, or a word would be broken, becomes
 * a block of lines. A cell that must wrap loses its style, no text is ever left out.
 */
export const table = (rows: readonly Row[], width = screenWidth()): string =>
  tableLines(rows, width).join("\n");

/** The same, the text of each row by itself. */
export const tableLines = (rows: readonly Row[], width = screenWidth()): string[] =>
  linesUnder([], rows, width);

/** A table with a head. In a block each value stands behind its column's head, but not the row's name. */
export const headedTable = (head: readonly string[], rows: readonly Row[], width = screenWidth()): string =>
  linesUnder(head, rows, width).join("\n");

/** The lines of the head, where there is one and a row that stands below it, and of each row. */
function linesUnder(head: readonly string[], rows: readonly Row[], width: number): string[] {
  const shown = rows.map((row) => (typeof row === "string" ? oneLine(row) : row.map(oneLine)));
  const cells = shown.filter((row) => typeof row !== "string");
  const widths = fittingWidths([head, ...cells], width);
  const breaks = (cell: string, column: number) => widthOf(longestWord(cell)) > (widths[column] ?? 0);
  const wraps = (cell: string, column: number) => widthOf(cell) > (widths[column] ?? 0);
  // The words of two columns that wrap beside each other are read as one sentence.
  const isBlock = (row: readonly string[]) => row.some(breaks) || row.filter(wraps).length > 1;
  const isHeaded = head.length > 0 && cells.some((row) => !isBlock(row));
  const lines = shown.map((row) => {
    if (typeof row === "string") return remark(row, width);
    return isBlock(row) ? block(labelled(row, head), width) : rowLines(row, widths);
  });
  return isHeaded ? [rowLines(head, widths), ...lines] : lines;
}

/** The widths of columns, squeezed into `width` where they are wider; none where words would be broken. */
function fittingWidths(rows: readonly (readonly string[])[], width: number): number[] {
  // A row with a word of half a line, such as an ARN, stands by itself rather than all rows.
  const held = (cell: string) => (widthOf(longestWord(cell)) > width / 2 ? "" : longestWord(cell));
  const least = columnWidths(rows.map((row) => row.map(held)));
  const widths = columnWidths(rows);
  const room = width - GAP * (widths.length - 1);
  while (sum(widths) > room) {
    const yielding = widths.map((one, column) => (one > Math.max(NARROWEST, least[column] ?? 0) ? one : 0));
    const widest = Math.max(...yielding);
    if (widest === 0) return [];
    widths[yielding.indexOf(widest)] = widest - 1;
  }
  return widths;
}

/** A row's cells for a block, each behind the head of its column; the name, which is first, is not. */
function labelled(row: readonly string[], head: readonly string[]): string[] {
  const name = isSign(row[0] ?? "") ? 1 : 0;
  return row.map((cell, column) =>
    column <= name || cell === "" || !head[column]?.trim() ? cell : `${head[column].trim()}: ${cell.trim()}`,
  );
}

const isSign = (cell: string): boolean => /^[^\p{L}\p{N}]$/u.test(unstyled(cell));

function remark(text: string, width: number): string {
  return wrap(text, Math.max(1, width - 2 * GAP))
    .map((line) => " ".repeat(2 * GAP) + line)
    .join("\n");
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

const longestWord = (cell: string): string =>
  cell.split(" ").reduce((longest, word) => (widthOf(word) > widthOf(longest) ? word : longest), "");

function columnWidths(rows: readonly (readonly string[])[]): number[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  return [...Array(columns).keys()].map((column) =>
    Math.max(0, ...rows.map((row) => widthOf(row[column] ?? ""))),
  );
}

function rowLines(row: readonly string[], widths: readonly number[]): string {
  const cells = widths.map((width, column) => wrap(row[column] ?? "", width));
  const height = Math.max(1, ...cells.map((lines) => lines.length));
  return [...Array(height).keys()]
    .map((line) =>
      cells
        .map((lines, column) => padded(lines[line] ?? "", widths[column] ?? 0))
        .join(" ".repeat(GAP))
        .trimEnd(),
    )
    .join("\n");
}

/** The row's cells below each other, all but the first indented; a sign stands beside the one behind it. */
function block([first = "", ...others]: readonly string[], width: number): string {
  const isSigned = isSign(first);
  const indent = " ".repeat(isSigned ? 1 + GAP : GAP);
  const room = Math.max(1, width - indent.length);
  const lines = others.filter((cell) => cell !== "").flatMap((cell) => wrap(cell, room));
  const head = isSigned ? [`${first}${" ".repeat(GAP)}${lines.shift() ?? ""}`.trimEnd()] : wrap(first, width);
  return [...head, ...lines.map((line) => indent + line)].join("\n");
}

/** The text, filled up with spaces to `width` columns. */
const padded = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - widthOf(text)));

/**
 * The text in lines of at most `width` columns, broken between words, or within one where there is no other
 * way; what is copied as one, a name or a part marked as a whole, is longer than a line rather than broken.
 */
export function wrap(text: string, width: number): string[] {
  if (widthOf(text) <= width && !text.includes("\n")) return [text];
  return unstyled(wholesHeld(text))
    .split("\n")
    .flatMap((line) => wrapLine(line, width));
}

function wrapLine(line: string, width: number): string[] {
  const lines = [""];
  for (const piece of line.split(/(?<= )/).flatMap((word) => brokenWord(word, width))) {
    const last = lines.at(-1) ?? "";
    if (last === "" || widthOf(last + piece.trimEnd()) <= width) lines[lines.length - 1] = last + piece;
    else lines.push(piece);
  }
  return lines.map((wrapped) => released(wrapped.trimEnd()));
}

/** Stands for a blank that a line is not broken at; a text that was made safe has no noncharacter. */
const HELD = "\ufdd2";
const held = (text: string): string => text.replaceAll(" ", HELD);
const released = (text: string): string => text.replaceAll(HELD, " ");
const wholesHeld = (text: string): string => withWholes(safeStyled(text), held);

/**
 * What is copied as one: a name, an ARN, a path, the id of a connection, with what closes it; or else one
 * character.
 */
const unit = /[\w!#$%&*+./:=?@~^|-]+[,;)]* ?|./gsu;

/** A word that is longer than a line, in pieces that are not; an address stays whole too. */
function brokenWord(word: string, width: number): string[] {
  if (widthOf(word.trimEnd()) <= width || word.includes("://") || word.includes(HELD)) return [word];
  const pieces = [""];
  for (const part of word.match(unit) ?? []) {
    const last = pieces.at(-1) ?? "";
    if (last !== "" && widthOf(last + part.trimEnd()) > width && part !== " ") pieces.push(part);
    else pieces[pieces.length - 1] = last + part;
  }
  return pieces;
}

/** What stands in front of a text in a list of names and texts. */
const label = /^ *\S(?:\S| (?! ))* {2,}/;

/**
 * Text for people in lines that a screen of `width` columns need not break, the further ones indented: broken
 * between words alone, so that an address, or a command that is marked as a whole, can be copied. What is
 * said behind a command stands in a line of its own.
 */
export const fold = (text: string, width: number): string =>
  width === Infinity
    ? text
    : text
        .split("\n")
        .map((line) => (widthOf(line) <= width ? line : foldLine(line, width)))
        .join("\n");

function foldLine(line: string, width: number): string {
  const hang = hangOf(line, width);
  // What is said behind a command is no part of what stands before it.
  const behind = /^ +(?=\S)/.exec(unstyled(line))?.[0] ?? hang;
  const lines = [""];
  for (const word of wholesHeld(line).split(/(?<= )(?! )/)) {
    const last = lines.at(-1) ?? "";
    const fits = last.trim() === "" || widthOf(last + word.trimEnd()) <= width;
    if (fits && !last.includes(HELD)) lines[lines.length - 1] = last + word;
    else lines.push((last.includes(HELD) ? behind : hang) + word);
  }
  return lines.map(withoutSemicolon).map(released).join("\n");
}

/** A line of a folded text: the semicolon between a command and what follows would be copied with it. */
const withoutSemicolon = (line: string, index: number, { length }: readonly string[]): string =>
  line.includes(HELD) && index < length - 1 ? line.trimEnd().replace(/;$/, "") : line.trimEnd();

/** What the further lines of a line begin with. */
function hangOf(line: string, width: number): string {
  if (line.startsWith("| ")) return "| ";
  const plain = unstyled(line);
  const labelled = label.exec(plain)?.[0] ?? "";
  const indent = labelled.length <= width / 3 ? labelled.length : 0;
  return " ".repeat(indent || plain.length - plain.trimStart().length + GAP);
}

/** A duration for people: "8 ms", "1.2 s", "3 min 5 s". */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** How many of something: "1 round", "2 rounds". */
export const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`;
