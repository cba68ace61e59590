import { hasFailed, type TraceRecord } from "../../trace/record.ts";
import type { ConsoleItem, ShownFrame, ShownLine } from "../items.ts";
import { Stacks } from "./stacks.ts";

export const viewNames = ["messages", "frames", "log", "connections"] as const;
export type ViewName = (typeof viewNames)[number];

/** A connection as the page knows it; who it is tells the trace of its connect. */
export type ShownClient = ConsoleItem & { kind: "opened" } & Who;
type Who = Pick<TraceRecord, "booking" | "type">;
/** More connections make the oldest forgotten. */
const MOST_KNOWN = 20_000;

/** What one row of a view is about. */
export type Shown = TraceRecord | ShownFrame | ShownLine | ShownClient;

/** A row, and the text that the filter looks in. */
export interface Entry {
  shown: Shown;
  search: string;
}

/** More of one kind make the oldest leave, a good many at once. */
const MOST = 5_000;
const AT_ONCE = 1_000;

/** What is kept of one kind, oldest first: `most` of it, as it came or, where it `isTimed`, by its time. */
class View {
  readonly #most: number;
  readonly #isTimed: boolean;
  entries: Entry[] = [];
  visible: Entry[] = [];
  readonly #byKey = new Map<string, Entry>();
  #isWanted: (entry: Entry) => boolean = () => true;

  constructor(most: number, { isTimed = false } = {}) {
    this.#most = most;
    this.#isTimed = isTimed;
  }

  get(key: string): Shown | undefined {
    return this.#byKey.get(key)?.shown;
  }

  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  filter(isWanted: (entry: Entry) => boolean): void {
    this.#isWanted = isWanted;
    this.visible = this.entries.filter(isWanted);
  }

  put(key: string, shown: Shown): void {
    const known = this.#byKey.get(key);
    if (known) return this.#amend(known, shown);
    const entry = { shown, search: searchText(shown) };
    this.#byKey.set(key, entry);
    this.#place(entry, this.entries);
    if (this.#isWanted(entry)) this.#place(entry, this.visible);
    if (this.entries.length >= this.#most + AT_ONCE) this.#drop();
  }

  remove(key: string): void {
    const known = this.#byKey.get(key);
    if (!known) return;
    this.#byKey.delete(key);
    for (const list of [this.entries, this.visible]) {
      const index = list.indexOf(known);
      if (index >= 0) list.splice(index, 1);
    }
  }

  clear(): void {
    [this.entries, this.visible] = [[], []];
    this.#byKey.clear();
  }

  #amend(known: Entry, shown: Shown): void {
    const [wasWanted, { at }] = [this.#isWanted(known), known.shown];
    Object.assign(known, { shown, search: searchText(shown) });
    const isMoved = this.#isTimed && shown.at !== at;
    if (isMoved) {
      this.entries.splice(this.entries.indexOf(known), 1);
      this.#place(known, this.entries);
    }
    if (isMoved || this.#isWanted(known) !== wasWanted) this.filter(this.#isWanted);
  }

  #place(entry: Entry, list: Entry[]): void {
    const before = this.#isTimed
      ? list.findLastIndex(({ shown }) => shown.at <= entry.shown.at)
      : list.length - 1;
    list.splice(before + 1, 0, entry);
  }

  #drop(): void {
    const dropped = new Set(this.entries.splice(0, AT_ONCE));
    for (const [key, entry] of this.#byKey) if (dropped.has(entry)) this.#byKey.delete(key);
    this.visible = this.visible.filter((entry) => !dropped.has(entry));
  }
}

/** Everything that the page shows. */
export class Store {
  readonly views: Readonly<Record<ViewName, View>> = {
    // One that is known from the log alone, or was long in coming, is told of late.
    messages: new View(MOST, { isTimed: true }),
    frames: new View(MOST),
    log: new View(MOST),
    // As many as the gateway has: one that is open is never forgotten.
    connections: new View(Infinity),
  };
  /** Items that this page was not given because it was too slow. */
  omitted = 0;
  readonly stacks = new Stacks();
  #words: readonly string[] = [];
  /** The one whose rows alone are shown. */
  #stack: string | undefined;
  #count = 0;
  readonly #known = new Map<string, Who>();

  filter(text: string): void {
    this.#words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.#filter();
  }

  /** Shows the rows of one stack alone; of all without any. */
  choose(stack: string | undefined): void {
    this.#stack = stack;
    this.#filter();
  }

  #filter(): void {
    const isWanted = ({ search, shown }: Entry) =>
      this.#words.every((word) => search.includes(word)) &&
      (this.#stack === undefined || this.stacks.of(shown).includes(this.#stack));
    for (const view of Object.values(this.views)) view.filter(isWanted);
  }

  clear(): void {
    for (const view of Object.values(this.views)) view.clear();
    this.omitted = 0;
  }

  take(item: ConsoleItem): void {
    const { messages, frames, log, connections } = this.views;
    if (this.stacks.learn(item) && this.#stack !== undefined) this.#filter();
    if (item.kind === "trace") {
      messages.put(`${item.event} ${item.requestId}`, item);
      this.#learn(item);
    } else if (item.kind === "frame") frames.put(`${this.#count++}`, item);
    else if (item.kind === "log") log.put(`${this.#count++}`, item);
    else if (item.kind === "opened")
      connections.put(item.connectionId, { ...item, ...this.#known.get(item.connectionId) });
    else if (item.kind === "closed") connections.remove(item.connectionId);
    else {
      this.omitted += item.items;
      connections.clear();
    }
  }

  #learn({ connectionId, booking, type }: TraceRecord): void {
    if (connectionId === undefined || (booking ?? type) === undefined) return;
    if (this.#known.has(connectionId)) return;
    this.#known.set(connectionId, { booking, type });
    const [oldest = connectionId] = this.#known.keys();
    if (this.#known.size > MOST_KNOWN) this.#known.delete(oldest);
    const open = this.views.connections.get(connectionId);
    if (open?.kind === "opened") this.views.connections.put(connectionId, { ...open, booking, type });
  }

  isOpen(connectionId: string | undefined): boolean {
    return connectionId !== undefined && this.views.connections.has(connectionId);
  }

  /** The lines that the function wrote while it served a message. */
  linesOf({ requestId, lambdaRequestId }: TraceRecord): ShownLine[] {
    return this.views.log.entries.flatMap(({ shown }) =>
      shown.kind === "log" &&
      shown.requestId !== undefined &&
      [requestId, lambdaRequestId].includes(shown.requestId)
        ? [shown]
        : [],
    );
  }

  /** The newest frames of a connection, newest first. */
  framesOf(connectionId: string, most: number): ShownFrame[] {
    return this.views.frames.entries
      .flatMap(({ shown }) => (shown.kind === "frame" && shown.connectionId === connectionId ? [shown] : []))
      .slice(-most)
      .reverse();
  }

  /** What the client sent, or was pushed, as far as it is kept. */
  frameOf(requestId: string | undefined): ShownFrame | undefined {
    const found = this.views.frames.entries.find(
      ({ shown }) => shown.kind === "frame" && shown.requestId !== undefined && shown.requestId === requestId,
    );
    return found?.shown.kind === "frame" ? found.shown : undefined;
  }
}

function searchText(shown: Shown): string {
  const failed = shown.kind === "trace" && hasFailed(shown) ? " error" : "";
  const words = Object.values(shown).filter((value) => typeof value === "string");
  const targets =
    shown.kind === "trace" ? shown.hops.map(({ to = "", status = "" }) => `${to} ${status}`) : [];
  return `${[...words, ...targets].join(" ")}${failed}`.toLowerCase();
}
