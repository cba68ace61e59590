import type { ConsoleAction, ConsoleItem, RefusalReason } from "../items.ts";
import { detailOf } from "./detail.ts";
import { byId, element } from "./element.ts";
import { openLink, type LinkState } from "./link.ts";
import { headOf, rowOf } from "./rows.ts";
import { Store, viewNames, type Entry, type ViewName } from "./store.ts";

const ROW = 28;
/** Rows above and below those that are seen. */
const MARGIN = 10;

const texts: Readonly<Record<LinkState, string>> = {
  connecting: "connecting",
  live: "live",
  lost: "lost: the local AWS does not answer",
  refused: "refused: open the address that `local` prints last",
  full: "not shown: too many pages are open, close one",
};
const refusals: Readonly<Record<RefusalReason, string>> = {
  gone: "not done: the connection has closed",
  slow: "not sent: the client did not read and was dropped",
  forgotten: "not sent: the message is too old to be kept",
  "too-large": "not sent: a frame has at most 128 KB",
  "no-session": "not done: the local AWS was started anew, try again",
  "not-own": "refused: the page is not at the address that `local` prints",
  "too-many-pages": "not done: too many pages are open",
  malformed: "not done: the local AWS does not understand this page, load it anew",
  unknown: "not done: the local AWS does not know this page, load it anew",
};
const emptyTexts: Readonly<Record<ViewName, string>> = {
  messages: "No message yet. Connect a client and send one: each shows here with every hop.",
  frames: "No frame yet: what clients send, and what they get.",
  log: "The function has logged nothing yet.",
  connections: "No client is connected.",
};

const store = new Store();
const [rows, space, shownRows, detail] = ["rows", "space", "window", "detail"].map(byId) as [
  HTMLElement,
  HTMLElement,
  HTMLElement,
  HTMLElement,
];
const filter = byId("filter") as HTMLInputElement;
const pause = byId("pause");
const stack = byId("stack") as HTMLSelectElement;

let linkState: LinkState = "connecting";
let view: ViewName = "messages";
let chosen: Entry | undefined;
let isOpen = false;
let isPaused = false;
/** Those who are there are shown while paused too: the others that wait may be too many to keep. */
const isOfConnection = ({ kind }: ConsoleItem): boolean => kind === "opened" || kind === "closed";
/** What came while paused. */
let waiting: ConsoleItem[] = [];
const MOST_WAITING = 20_000;
let isDrawn = true;
let count = 0;

const link = openLink({
  onBegin() {
    store.clear();
    waiting = [];
  },
  onItems(items) {
    for (const item of items) if (!isPaused || isOfConnection(item)) store.take(item);
    if (isPaused)
      waiting = [...waiting, ...items.filter((item) => !isOfConnection(item))].slice(-MOST_WAITING);
    draw();
  },
  onState(state) {
    linkState = state;
    draw();
  },
});

function act(action: ConsoleAction, done: string): void {
  link.act(action).then(
    (refusal) => say(refusal === undefined ? done : refusals[refusal]),
    () => say("not done: the local AWS does not answer"),
  );
}

let saying: number | undefined;
function say(text: string): void {
  byId("said").textContent = text;
  clearTimeout(saying);
  saying = setTimeout(() => (byId("said").textContent = ""), 3_000);
}

/** Draws with the next picture of the screen, however often it is asked for. */
function draw(): void {
  if (!isDrawn) return;
  isDrawn = false;
  requestAnimationFrame(() => {
    isDrawn = true;
    drawNow();
  });
}

/** The entries of the view, newest first: by its place in the list. */
const entryAt = (index: number): Entry | undefined => store.views[view].visible.at(-1 - index);
const indexOf = (entry: Entry): number => {
  const { visible } = store.views[view];
  const index = visible.lastIndexOf(entry);
  return index < 0 ? -1 : visible.length - 1 - index;
};

function drawNow(): void {
  const { visible } = store.views[view];
  showStacks();
  for (const name of viewNames) {
    const tab = byId(`tab-${name}`);
    tab.querySelector("b")!.textContent = String(store.views[name].entries.length);
  }
  // Older rows that are in view stay where they are.
  if (rows.scrollTop > 0 && visible.length > count) rows.scrollTop += (visible.length - count) * ROW;
  count = visible.length;
  space.style.height = `${count * ROW}px`;
  const first = Math.max(0, Math.floor(rows.scrollTop / ROW) - MARGIN);
  const last = Math.min(count, Math.ceil((rows.scrollTop + rows.clientHeight) / ROW) + MARGIN);
  shownRows.style.top = `${first * ROW}px`;
  shownRows.replaceChildren(...range(first, last).map(rowAt));
  byId("empty").textContent = count > 0 ? "" : filter.value === "" ? emptyTexts[view] : "Nothing matches.";
  pause.textContent = isPaused ? `Go on (${waiting.length})` : "Pause";
  const state = byId("state");
  state.textContent = texts[linkState] + (store.omitted > 0 ? `, ${store.omitted} left out: too many` : "");
  state.dataset["live"] = String(linkState === "live");
}

/** The choice of a stack, where the local AWS has several. */
function showStacks(): void {
  const { names } = store.stacks;
  const wanted = [...names].map(([place, name = ""]) => [place, `${name} ${place}`.trim()] as const);
  byId("list").dataset["stacks"] = stack.dataset["several"] = String(names.size > 1);
  const options = [["", "All stacks"] as const, ...wanted];
  if (options.map(([, text]) => text).join("\n") === [...stack.options].map(({ text }) => text).join("\n"))
    return;
  const chosenStack = stack.value;
  stack.replaceChildren(...options.map(([value, text]) => element("option", { value }, text)));
  stack.value = chosenStack;
}

const range = (first: number, last: number): number[] =>
  Array.from({ length: Math.max(0, last - first) }, (_, index) => first + index);

function rowAt(index: number): HTMLElement {
  const entry = entryAt(index)!;
  const row = rowOf(entry.shown, store.stacks.of(entry.shown));
  row.id = `row-${index}`;
  row.setAttribute("aria-selected", String(entry === chosen));
  row.setAttribute("aria-posinset", String(index + 1));
  row.setAttribute("aria-setsize", String(count));
  if (entry === chosen) rows.setAttribute("aria-activedescendant", row.id);
  row.addEventListener("click", () => choose(entry, true));
  return row;
}

function choose(entry: Entry | undefined, andOpen: boolean): void {
  chosen = entry;
  isOpen = entry !== undefined && (andOpen || isOpen);
  showDetail();
  draw();
}

function showDetail(): void {
  detail.hidden = !isOpen;
  if (!isOpen || !chosen) return detail.replaceChildren();
  detail.replaceChildren(...detailOf(chosen.shown, { store, act, close: () => closeDetail() }));
  detail.scrollTop = 0;
}

function closeDetail(): void {
  isOpen = false;
  showDetail();
  rows.focus();
}

function move(by: number): void {
  const index = chosen ? indexOf(chosen) : -1;
  const entry = entryAt(Math.min(Math.max(index + by, 0), count - 1));
  if (!entry) return;
  choose(entry, false);
  const top = indexOf(entry) * ROW;
  if (top < rows.scrollTop) rows.scrollTop = top;
  else if (top + ROW > rows.scrollTop + rows.clientHeight) rows.scrollTop = top + ROW - rows.clientHeight;
}

function show(name: ViewName): void {
  view = name;
  count = 0;
  rows.scrollTop = 0;
  rows.setAttribute("aria-label", name);
  byId("head").replaceChildren(headOf(name));
  byId("legend").hidden = name !== "messages";
  byId("list").setAttribute("aria-labelledby", `tab-${name}`);
  for (const other of viewNames) {
    const tab = byId(`tab-${other}`);
    tab.setAttribute("aria-selected", String(other === name));
    tab.tabIndex = other === name ? 0 : -1;
  }
  choose(undefined, false);
}

function togglePause(): void {
  isPaused = !isPaused;
  pause.setAttribute("aria-pressed", String(isPaused));
  for (const item of waiting.splice(0)) store.take(item);
  draw();
}

/** What a key does in the list. */
const listKeys: Readonly<Record<string, () => void>> = {
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  PageDown: () => move(Math.floor(rows.clientHeight / ROW)),
  PageUp: () => move(-Math.floor(rows.clientHeight / ROW)),
  Home: () => move(-count),
  End: () => move(count),
  Enter: () => choose(chosen ?? entryAt(0), true),
};
/** What a key does everywhere but in a field. */
const keys: Readonly<Record<string, () => void>> = {
  "/": () => filter.focus(),
  p: togglePause,
  Escape: () => closeDetail(),
  ...Object.fromEntries(viewNames.map((name, index) => [String(index + 1), () => show(name)])),
};

const isField = (target: EventTarget | null): boolean =>
  target instanceof HTMLInputElement ||
  target instanceof HTMLTextAreaElement ||
  target instanceof HTMLSelectElement;

function leaveField(): void {
  if (document.activeElement === filter && filter.value !== "") {
    filter.value = "";
    store.filter("");
    draw();
  } else rows.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (isField(event.target)) return void (event.key === "Escape" && leaveField());
  const inList = document.activeElement === rows || document.activeElement === document.body;
  const action = keys[event.key] ?? (inList ? listKeys[event.key] : undefined);
  if (!action) return;
  event.preventDefault();
  action();
});
for (const [index, name] of viewNames.entries()) {
  const tab = byId(`tab-${name}`);
  tab.addEventListener("click", () => show(name));
  tab.addEventListener("keydown", ({ key }) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (by === undefined) return;
    const next = viewNames.at((index + by) % viewNames.length)!;
    show(next);
    byId(`tab-${next}`).focus();
  });
}
filter.addEventListener("input", () => {
  store.filter(filter.value);
  choose(undefined, false);
});
stack.addEventListener("change", () => {
  store.choose(stack.value || undefined);
  choose(undefined, false);
});
pause.addEventListener("click", togglePause);
rows.addEventListener("scroll", draw);
addEventListener("resize", draw);
show("messages");
rows.focus();
