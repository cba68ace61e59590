/** Texts up to a number of bytes; the oldest make room. */
export interface Ring<Item> {
  add(item: Item, bytes: number): void;
  items(): Iterable<Item>;
  /** Takes out the oldest, of this many bytes or a little more. */
  take(bytes: number): Item[];
  clear(): void;
}

/** Each entry costs this besides its text. */
const OVERHEAD = 64;

/** An empty ring of `most` bytes. */
export function createRing<Item>(most: number, dropped: (item: Item) => void = () => undefined): Ring<Item> {
  const kept = new Map<number, { item: Item; bytes: number }>();
  let [first, next, total] = [0, 0, 0];
  function shift(): Item | undefined {
    const oldest = kept.get(first);
    if (!oldest) return undefined;
    kept.delete(first++);
    total -= oldest.bytes;
    return oldest.item;
  }
  return {
    add(item, bytes) {
      kept.set(next++, { item, bytes: bytes + OVERHEAD });
      total += bytes + OVERHEAD;
      while (total > most) dropped(shift()!);
    },
    *items() {
      for (const { item } of kept.values()) yield item;
    },
    take(bytes) {
      const taken: Item[] = [];
      for (const until = Math.max(0, total - bytes); total > until;) taken.push(shift()!);
      return taken;
    },
    clear() {
      kept.clear();
      [first, next, total] = [0, 0, 0];
    },
  };
}
