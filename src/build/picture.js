// `npm run picture` draws what `demo` prints into .github/demo.svg, for dark and for light pages.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("../..", import.meta.url)));

const COLUMNS = 112;
const LINE_HEIGHT = 18;
const CHARACTER_WIDTH = 8.1;
const MARGIN = 20;

const escapeSequence = new RegExp(`${String.fromCharCode(27)}\\[(\\d+)m`);
/** By the number of the escape sequence: names of classes, in both schemes. */
const classes = { 1: "bold", 2: "dim", 31: "red", 32: "green", 35: "magenta" };
const dark = {
  page: "#0d1117",
  text: "#e6edf3",
  dim: "#8b949e",
  red: "#ff7b72",
  green: "#3fb950",
  magenta: "#d2a8ff",
};
const light = {
  page: "#f6f8fa",
  text: "#1f2328",
  dim: "#59636e",
  red: "#cf222e",
  green: "#1a7f37",
  magenta: "#8250df",
};

const printed = execFileSync(process.execPath, ["bin/shelfshack-ws.js", "demo"], {
  encoding: "utf8",
  env: { ...process.env, FORCE_COLOR: "1" },
  stdio: ["ignore", "pipe", "ignore"],
});
// What the function logs and the rest is in the README's words.
const [shown] = printed.trim().split(/\n(?=── What the function logs)/);
const lines = ["$ npm run demo", "", ...shown.split("\n")].map(parsed).map(cut);
writeFileSync(".github/demo.svg", svg(lines));

/** A line as pieces of text, each with its class. */
function parsed(line) {
  let style = "";
  return line.split(escapeSequence).flatMap((part, at) => {
    if (at % 2 === 1) style = classes[part] ?? "";
    return at % 2 === 1 || part === "" ? [] : [{ text: part, style }];
  });
}

/** The beginning of a line, where it is too long for the picture. */
function cut(pieces) {
  let room = COLUMNS;
  return pieces.flatMap(({ text, style }) => {
    const fits = text.length > room ? `${text.slice(0, Math.max(0, room - 1))}…` : text;
    const isGone = room <= 0;
    room -= text.length;
    return isGone ? [] : [{ text: fits, style }];
  });
}

function svg(rows) {
  const width = COLUMNS * CHARACTER_WIDTH + 2 * MARGIN;
  const height = rows.length * LINE_HEIGHT + 2 * MARGIN;
  const texts = rows.map((pieces, row) => {
    const spans = pieces.map(
      ({ text, style }) => `<tspan class="${style || "text"}">${escaped(text)}</tspan>`,
    );
    return `<text x="${MARGIN}" y="${MARGIN + (row + 0.8) * LINE_HEIGHT}">${spans.join("")}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img"
  aria-label="what npm run demo prints">
<style>
text { font: 13.5px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; white-space: pre }
.bold { font-weight: bold }
${rulesOf(light)}
@media (prefers-color-scheme: dark) {
${rulesOf(dark)}
}
</style>
<rect class="page" width="${width}" height="${height}" rx="8"/>
${texts.join("\n")}
</svg>
`;
}

function rulesOf(scheme) {
  return Object.entries({ ...scheme, bold: scheme.text })
    .map(([name, color]) => `.${name} { fill: ${color} }`)
    .join("\n");
}

function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
