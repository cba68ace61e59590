/** Texts up to a number of bytes; the oldest make room. */
export interface Ring<Item> {
  add(item: Item, bytes: number): void;
  items(): Iterable<Item>;
  clear(): void;
}

/** Each entry costs this besides its text. */
const OVERHEAD = 64;

/** An empty ring of `most` bytes. */
export function createRing<Item>(most: number, dropped: (item: Item) => void = () => undefined): Ring<Item> {
  const kept = new Map<number, { item: Item; bytes: number }>();
  let [first, next, total] = [0, 0, 0];
  return {
    add(item, bytes) {
      kept.set(next++, { item, bytes: bytes + OVERHEAD });
      total += bytes + OVERHEAD;
      while (total > most) {
        const oldest = kept.get(first);
        kept.delete(first++);
        if (!oldest) break;
        total -= oldest.bytes;
        dropped(oldest.item);
      }
    },
    *items() {
      for (const { item } of kept.values()) yield item;
    },
    clear() {
      kept.clear();
      [first, next, total] = [0, 0, 0];
    },
  };
}
