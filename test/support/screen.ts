const escape = String.fromCharCode(27);
const sequence = new RegExp(`${escape}\\[([?\\d;]*)([A-Za-z])|\\r|\\n|[^${escape}\\r\\n]+`, "g");

/** What a terminal without an edge shows at the end: its lines, without what was erased or written over. */
export function screenOf(output: string): string[] {
  const lines = [""];
  const at = { row: 0, column: 0 };
  const line = () => lines[at.row] ?? "";
  const moves: Readonly<Record<string, (amount: number) => void>> = {
    A: (rows) => (at.row = Math.max(0, at.row - (rows || 1))),
    G: (column) => (at.column = (column || 1) - 1),
    J: () => lines.splice(at.row, Infinity, line().slice(0, at.column)),
    K: (part) => (lines[at.row] = part === 0 ? line().slice(0, at.column) : ""),
  };
  for (const [text, amount = "", letter] of output.matchAll(sequence)) {
    if (letter !== undefined) moves[letter]?.(Number.parseInt(amount, 10) || 0);
    else if (text === "\r") at.column = 0;
    else if (text === "\n") lines[++at.row] ??= "";
    else {
      lines[at.row] =
        line().padEnd(at.column).slice(0, at.column) + text + line().slice(at.column + text.length);
      at.column += text.length;
    }
  }
  return lines;
}
