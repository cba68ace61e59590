/**
 * Characters that must not reach a terminal as they are: C0 (but line feed and tab), DEL, C1, soft hyphen,
 * bidirectional controls, zero width, line and paragraph separators, interlinear and tag characters,
 * noncharacters, and lone surrogates.
 */
const unsafe = new RegExp(
  [
    "[\\p{Cs}\\p{Noncharacter_Code_Point}\\0-\\x08\\x0b-\\x1f\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b-\\u200f",
    "\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\u{e0000}-\\u{e007f}]",
  ].join(""),
  "gu",
);

function visible(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

/**
 * The text with every character that could steer or deceive a terminal written as a visible escape such as
 * `\x1b` (FAULTS.md C-01).
 */
export function safe(text: string): string {
  return text.replace(unsafe, visible);
}

/**
 * The text without commands of CI systems: `::name::` at a line's beginning and `##[name]` anywhere (GitHub,
 * also of Azure: `##vso[`), `##teamcity[`. Each is written with one character as an escape.
 */
export const withoutCommands = (text: string): string =>
  text.replaceAll(/##(?=\w*\[)/g, "#\\x23").replaceAll(/^([^\S\n]*):(?=:)/gm, "$1\\x3a");

/** One JSON document whose text holds no such character either; it reads back as the same value. */
export function safeJson(value: unknown, space?: number, plain = (text: string) => text): string {
  return (
    (
      JSON.stringify(
        value,
        (_key, member: unknown) => (typeof member === "string" ? plain(member) : member),
        space,
      ) ?? "null"
    )
      // The same text for who reads JSON, and no command for a CI system (`withoutCommands`).
      .replaceAll(/##(?=\w*\[)/g, "#\\u0023")
      .replace(unsafe, (character) =>
        [...Array(character.length).keys()]
          .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`)
          .join(""),
      )
  );
}
