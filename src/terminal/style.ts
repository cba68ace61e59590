import type { ChalkInstance } from "chalk";
import { safe } from "./safe.ts";

const styles = ["bold", "dim", "red", "green", "magenta"] as const;
type Style = (typeof styles)[number];

/**
 * A styled text carries marks instead of escape sequences, so that it can be made without knowing where it
 * will be shown, and so that everything else can be made safe when it is written. The key is new in each
 * process: no text from outside can hold a mark.
 */
const key = Math.random().toString(36).slice(2);
const mark = (name: string): string => `\ufdd0${key}${name}\ufdd1`;
const marks = new RegExp(`\ufdd0${key}(\\w*)\ufdd1`, "gu");

/**
 * Gives a text a style, for example `style.bold("deploy")`; it shows only where colours are on. What warns is
 * magenta, as yellow cannot be read on white, and bold, as magenta alone cannot on Windows' black. Green is
 * for signs, not for words: it is pale on white. What is dim need not be read: on Solarized it hardly can.
 */
export const style = Object.fromEntries(
  styles.map((name) => [name, (text: string) => mark(name) + text + mark("")]),
) as Readonly<Record<Style, (text: string) => string>>;

const WHOLE = "whole";
const wholes = new RegExp(`\ufdd0${key}${WHOLE}\ufdd1[^\ufdd0]*\ufdd0${key}\ufdd1`, "gu");

/** Marks a part that a line is not broken in, such as a command to be copied. */
export const whole = (text: string): string => mark(WHOLE) + text + mark("");

/** The text with each such part as `change` makes it. */
export const withWholes = (text: string, change: (part: string) => string): string =>
  text.replace(wholes, change);

/** The text without its styles. */
export const unstyled = (text: string): string => text.replace(marks, "");

/** The text with everything but its styles made safe, so that its width is the one that it will have. */
export const safeStyled = (text: string): string =>
  text
    .split(marks)
    .map((part, at) => (at % 2 === 0 ? safe(part) : mark(part)))
    .join("");

/**
 * What may be written: every style as escape sequences, or left out where there is no `chalk`; everything
 * else made safe.
 */
export function paint(text: string, chalk?: ChalkInstance): string {
  const open: { name: string; text: string }[] = [];
  let painted = "";
  const append = (part: string) => {
    const inner = open.at(-1);
    if (inner) inner.text += part;
    else painted += part;
  };
  for (const [at, part] of text.split(marks).entries()) {
    if (at % 2 === 0) append(safe(part));
    else if (part) open.push({ name: part, text: "" });
    else append(styled(chalk, open.pop()));
  }
  return painted + open.map((left) => left.text).join("");
}

function styled(chalk: ChalkInstance | undefined, { name, text } = { name: "", text: "" }): string {
  if (!chalk || name === WHOLE) return text;
  return name === "magenta" ? chalk.bold.magenta(text) : chalk[name as Style](text);
}
