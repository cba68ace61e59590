import { hash } from "node:crypto";
import type { GroupEvent } from "./group.ts";

/**
 * Recognises what was already given, from either source: a question is asked once per delivery and is true
 * for a new event.
 */
export interface Once {
  stored(event: GroupEvent): boolean;
  live(event: GroupEvent): boolean;
  /** From now on a live tail gives what is ingested, or (undefined) none does any more. Epoch ms. */
  expectLive(from: number | undefined): void;
  /** Lets go of what is too old to come again. To be called when everything has been read up to now. */
  forget(): void;
}

/** How far apart the clocks of AWS and of this machine may be. */
const CLOCKS_MS = 60_000;

/**
 * Stored events have an id, those of a live tail have none; so between the two sources one delivery is set
 * off against one delivery of the same text, time and stream, which also keeps lines that really were written
 * twice. Only what was ingested since a live tail began can come from both. Stored events come again where
 * their time is not before `from` (epoch ms), and for at least `rememberMs`.
 */
export function createOnce({ rememberMs, from: comingAgain }: { rememberMs: number; from: number }): Once {
  const ids = createMemory(rememberMs);
  const unmatched = { stored: createMemory(rememberMs), live: createMemory(rememberMs) };
  let liveFrom = Infinity;
  return {
    stored(event) {
      const { id, timestamp, ingestedAt = Infinity } = event;
      const isKnown = id !== undefined && ids.take(id);
      if (id !== undefined && timestamp >= comingAgain) ids.add(id);
      if (isKnown) return false;
      if (unmatched.live.isEmpty() && ingestedAt < liveFrom) return true;
      const key = keyOf(event);
      if (unmatched.live.take(key)) return false;
      if (ingestedAt >= liveFrom) unmatched.stored.add(key);
      return true;
    },
    live(event) {
      const key = keyOf(event);
      if (unmatched.stored.take(key)) return false;
      unmatched.live.add(key);
      return true;
    },
    expectLive(from = Infinity) {
      liveFrom = from - CLOCKS_MS;
    },
    forget() {
      for (const memory of [ids, unmatched.stored, unmatched.live]) memory.forget();
    },
  };
}

const keyOf = ({ group, stream, timestamp, message }: GroupEvent): string =>
  hash("sha1", JSON.stringify([group, stream, timestamp, message]), "base64");

/**
 * Counts texts and forgets those that were not added again in the last while: the older half is dropped as a
 * whole, so that forgetting costs nothing however much there is.
 */
function createMemory(rememberMs: number) {
  let recent = new Map<string, number>();
  let older = new Map<string, number>();
  let renewedAt = performance.now();
  return {
    isEmpty: () => recent.size + older.size === 0,
    add(text: string): void {
      recent.set(text, (recent.get(text) ?? 0) + 1);
    },
    /** Whether the text was there; there is one less of it then. */
    take(text: string): boolean {
      const half = recent.has(text) ? recent : older;
      const count = half.get(text) ?? 0;
      if (count > 1) half.set(text, count - 1);
      else half.delete(text);
      return count > 0;
    },
    forget(): void {
      if (performance.now() - renewedAt < rememberMs) return;
      [recent, older, renewedAt] = [new Map(), recent, performance.now()];
    },
  };
}
