import type { Bin } from "./distribution.ts";
import { count, ms } from "./html.ts";
import type { Second } from "./tally.ts";

type Series = keyof Omit<Second, "second">;

/** The drawing's own units; the page stretches it. */
const [WIDTH, HEIGHT, TOP] = [1000, 300, 10];
/** A line through more points than a screen has columns is not clearer. */
const MOST_POINTS = 500;
const NOTHING = "<p>Nothing was measured.</p>";

const highestOf = (values: readonly number[]): number =>
  values.reduce((highest, value) => Math.max(highest, value), 0);

/** Lines over the seconds of a run; the labels are HTML, so that they keep their size on every screen. */
export function timeChart(timeline: readonly Second[], unit: "ms" | "/s", series: readonly Series[]): string {
  if (timeline.length === 0) return NOTHING;
  const lines = series.map((name) => pointsOf(timeline, name));
  const highest = highestOf(lines.map(highestOf)) || 1;
  const shown = (value: number) => (unit === "ms" ? ms(value) : count(Math.round(value)));
  const keys = series.map((name) => `<li class="${name}">— ${name}</li>`);
  return figure(
    lines.map((points, index) => path(series[index] ?? "", points, highest)),
    {
      title: `${series.join(", ")} by second`,
      y: [shown(highest), shown(highest / 2), "0"],
      x: ["0 s", `${count(timeline.length)} s`],
      below: `<ul class="key">${keys.join("")}</ul>`,
    },
  );
}

/** The values of a series; of a long one the highest of each few seconds. */
function pointsOf(timeline: readonly Second[], name: Series): number[] {
  const size = Math.ceil(timeline.length / MOST_POINTS);
  return Array.from({ length: Math.ceil(timeline.length / size) }, (_, index) =>
    highestOf(timeline.slice(index * size, (index + 1) * size).map((second) => second[name])),
  );
}

function path(name: string, points: readonly number[], highest: number): string {
  // One point alone is a level line.
  const drawn = points.length === 1 ? [...points, ...points] : points;
  const way = drawn.map((value, index) => {
    const x = (index / (drawn.length - 1)) * WIDTH;
    return `${x.toFixed(1)} ${(HEIGHT - (value / highest) * (HEIGHT - TOP)).toFixed(1)}`;
  });
  return `<path class="${name}" d="M${way.join("L")}"/>`;
}

/** Bars on a logarithmic axis of time. */
export function distributionChart(all: readonly Bin[]): string {
  const first = all.findIndex((bin) => bin.count > 0);
  if (first < 0) return NOTHING;
  const bins = all.slice(first);
  const highest = highestOf(bins.map((bin) => bin.count));
  const middle = bins[Math.floor(bins.length / 2)];
  return figure(
    bins.map((bin, index) => bar(bin, { index, width: WIDTH / bins.length, highest })),
    {
      title: "messages by latency, on a logarithmic axis",
      y: [count(highest), count(Math.round(highest / 2)), "0"],
      x: [ms(bins[0]?.fromMs ?? 0), ms(middle?.fromMs ?? 0), ms(bins.at(-1)?.toMs ?? 0)],
      below: "<p>The axis is logarithmic: ten bars for each power of ten.</p>",
    },
  );
}

function bar(
  { fromMs, toMs, count: found }: Bin,
  { index, width, highest }: { index: number; width: number; highest: number },
): string {
  const height = (found / highest) * (HEIGHT - TOP);
  return (
    `<rect x="${(index * width).toFixed(2)}" y="${(HEIGHT - height).toFixed(2)}" ` +
    `width="${(width * 0.9).toFixed(2)}" height="${height.toFixed(2)}">` +
    `<title>${ms(fromMs)} to ${ms(toMs)}: ${count(found)}</title></rect>`
  );
}

interface Labels {
  title: string;
  y: readonly string[];
  x: readonly string[];
  below: string;
}

const spans = (texts: readonly string[]): string => texts.map((text) => `<span>${text}</span>`).join("");

const figure = (shapes: readonly string[], { title, y, x, below }: Labels): string =>
  `<figure><div class="y">${spans(y)}</div>` +
  `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${title}">` +
  `${shapes.join("")}</svg>` +
  `<div class="x">${spans(x)}</div>${below}</figure>`;
