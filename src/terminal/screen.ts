import { columnsOf, type Writer } from "./output.ts";
import { fold, widthOf } from "./format.ts";

/** A text at the end of a terminal's output; the next one takes its place. */
export interface Screen {
  /** Shows what `text` makes, which is asked again when the terminal's size changes. */
  show(text: () => string): void;
  /** Leaves the last one where it is. */
  end(): void;
}

/** The screen of a terminal. What is more than it holds is cut off: what has left it cannot be drawn anew. */
export function screenOn(writer: Writer): Screen {
  const { stream } = writer;
  let made: (() => string) | undefined;
  let drawn: readonly string[] = [];
  const draw = () => {
    if (!made) return;
    const above = Math.min(rowsOf(drawn, columnsOf(stream)), stream.rows - 1);
    const lines = fold(made(), columnsOf(stream))
      .split("\n")
      .slice(0, stream.rows - 1);
    writer.writeRaw(above > 0 ? `\r\u001b[${above}A\u001b[J` : "");
    writer.write(`${lines.join("\n")}\n`);
    drawn = lines;
  };
  stream.on("resize", draw);
  return {
    show(text) {
      made = text;
      draw();
    },
    end: () => void stream.off("resize", draw),
  };
}

/** How many rows lines take that were drawn at another width: those that are too long now are broken. */
const rowsOf = (lines: readonly string[], columns: number): number =>
  lines.reduce((rows, line) => rows + Math.max(1, Math.ceil(widthOf(line) / columns)), 0);
