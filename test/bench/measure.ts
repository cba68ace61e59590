import type { Comparison, Line } from "./row.ts";

/** The middle of some values, and the two quarters around it. */
export interface Spread {
  median: number;
  low: number;
  high: number;
}

export interface Contender extends Spread {
  name: string;
  /** Ours ÷ this one, round by round: what disturbs a round disturbs both. */
  ratio: Spread;
}

export interface Measured extends Line {
  ours: Spread;
  /** The floor first. */
  others: Contender[];
  met: boolean;
}

type Figures = Readonly<Record<string, number>>;

/** Measures all contenders `rounds` times in turns, each round in the other order. */
export async function measure(
  { contenders, lines }: Pick<Comparison, "contenders" | "lines">,
  rounds: number,
  onRound: (round: number) => void,
): Promise<Measured[]> {
  const measured = new Map<string, Figures[]>(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    onRound(round + 1);
    const turns = Object.entries(contenders);
    for (const [name, turn] of round % 2 === 0 ? turns : turns.toReversed())
      measured.get(name)?.push(await turn());
  }
  return lines.map((line) => compared(line, measured));
}

function compared(line: Line, measured: ReadonlyMap<string, readonly Figures[]>): Measured {
  const figuresOf = (name: string) =>
    (measured.get(name) ?? []).flatMap(({ [line.figure]: figure }) => (figure === undefined ? [] : figure));
  const ours = figuresOf("ours");
  const others = [...measured.keys()]
    .filter((name) => name !== "ours" && figuresOf(name).length > 0)
    .toSorted((one, other) => Number(other === line.floor) - Number(one === line.floor))
    .map((name) => {
      const figures = figuresOf(name);
      const ratio = spreadOf(figures.map((figure, round) => (ours[round] ?? NaN) / figure));
      return { name, ...spreadOf(figures), ratio };
    });
  const ratio = others[0]?.ratio.median ?? NaN;
  const { median } = spreadOf(ours);
  return {
    ...line,
    ours: spreadOf(ours),
    others,
    met: median <= (line.atMost ?? Infinity) && meets(line, ratio),
  };
}

const meets = ({ goal, unit }: Line, ratio: number): boolean =>
  goal === undefined || (unit === "/s" ? ratio >= goal : ratio <= goal);

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (part: number) => sorted[Math.round((sorted.length - 1) * part)] ?? NaN;
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}
