import type { RefusedName } from "./allowed-hosts.ts";

/** As many different ones are told: a page that makes up names must not fill the screen. */
const MOST_TOLD = 50;
const LONGEST_NAME = 100;

/** Passes on each refused name once, the first fifty of them. */
export function eachOnce(told: (refused: RefusedName) => void): (refused: RefusedName) => void {
  const known = new Set<string>();
  return (refused) => {
    const key = `${refused.what} ${refused.allow ?? shortened(refused.name)}`;
    if (known.has(key) || known.size >= MOST_TOLD) return;
    known.add(key);
    told({ ...refused, name: shortened(refused.name) });
  };
}

const shortened = (name: string): string =>
  name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;

/** What is refused and what would allow it, for who has sent it and who runs the local AWS. */
export function refusalText({ what, name, allow }: RefusedName): string {
  if (what === "Origin" && name === "null")
    return "the local AWS does not serve pages of no origin (files, sandboxed frames): open them over http";
  const quoted = JSON.stringify(shortened(name));
  const remedy = allow === undefined ? "" : `; \`local --allow-host ${shortened(allow)}\` allows it`;
  return `the local AWS does not serve ${what === "Host" ? "the name" : "pages of"} ${quoted}${remedy}`;
}
