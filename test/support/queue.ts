/** Things that arrive in their own time, taken one by one in the order of arrival. */
export interface Queue<T> {
  /** Everything that has arrived, taken or not. */
  readonly all: readonly T[];
  put(item: T): void;
  /** The first item not taken yet that `wanted` accepts; waits for one if need be. */
  next(wanted?: (item: T) => boolean): Promise<T>;
}

export function createQueue<T>(): Queue<T> {
  const all: T[] = [];
  const untaken: T[] = [];
  let waiting: { wanted: (item: T) => boolean; take: (item: T) => void }[] = [];
  return {
    all,
    put(item) {
      all.push(item);
      const first = waiting.find(({ wanted }) => wanted(item));
      waiting = waiting.filter((one) => one !== first);
      if (first) first.take(item);
      else untaken.push(item);
    },
    next(wanted = () => true) {
      const at = untaken.findIndex(wanted);
      if (at < 0) return new Promise((take) => waiting.push({ wanted, take }));
      // One alone: others may be equal to it.
      return Promise.resolve(untaken.splice(at, 1)[0] as T);
    },
  };
}
