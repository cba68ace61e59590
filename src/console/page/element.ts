type Child = Node | string | number | undefined;

/** Makes an element. Texts of others become text, never markup. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== undefined).map((child) => visible(child)));
  return made;
}

/** The element of the page with this id. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/** A text that shows what cannot be seen, such as control characters and those that turn the direction. */
const visible = (child: Node | string | number): Node | string =>
  typeof child === "object" ? child : String(child).replaceAll(unseen, (one) => escaped(one));

const unseen = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

const escaped = (one: string): string => `\\u{${one.codePointAt(0)!.toString(16)}}`;

/** `12:34:56.789` of an ISO time or of epoch milliseconds. */
export function clock(at: string | number): string {
  const time = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  const ms = String(time.getMilliseconds()).padStart(3, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${ms}`;
}

/** `12 ms`, `1.25 s`; a dash where it is not known. */
export function duration(ms: number | undefined): string {
  if (ms === undefined) return "–";
  return ms < 1_000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : `${(ms / 1_000).toFixed(2)} s`;
}

/** `12 B`, `3.4 KB`. */
export const size = (bytes: number | undefined): string =>
  bytes === undefined ? "–" : bytes < 1_024 ? `${bytes} B` : `${(bytes / 1_024).toFixed(1)} KB`;
