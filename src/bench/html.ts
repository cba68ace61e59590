const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** A text of others as a part of a page: no markup, no control character, no change of direction. */
export const escaped = (text: string): string =>
  text
    .replaceAll(/[&<>"']/g, (character) => entities[character] ?? "")
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, "\ufffd");

export const count = (value: number): string => value.toLocaleString("en");
export const ms = (value: number): string =>
  value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${Number(value.toPrecision(3))} ms`;
