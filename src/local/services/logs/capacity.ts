import type { LogEvent, LogGroupState } from "./group.ts";

/** The most that a group keeps, give or take a tenth. */
const capacity = { events: 50_000, bytes: 64 * 1024 * 1024 };

/** What CloudWatch counts for an event besides its message. */
const bytesPerEvent = 26;

/** At least what each group holds; counted anew only when that seems too much. */
const most = new WeakMap<LogGroupState, number>();

/**
 * Drops the oldest events of a group that has too many or too long ones, and the streams whose last event
 * goes with them. A tenth at a time: taking one from the front of a long list costs as much as taking many.
 */
export function dropOldest(group: LogGroupState, written: readonly LogEvent[]): void {
  const known = most.get(group);
  most.set(group, known === undefined ? sizeOf(group.events) : known + sizeOf(written));
  if (group.events.length <= capacity.events * 1.1 && (most.get(group) ?? 0) <= capacity.bytes * 1.1) return;
  let bytes = sizeOf(group.events);
  let dropped = Math.max(0, group.events.length - capacity.events);
  bytes -= sizeOf(group.events.slice(0, dropped));
  for (; bytes > capacity.bytes; dropped += 1) bytes -= bytesOf(group.events[dropped]);
  most.set(group, bytes);
  const gone = new Set(group.events.splice(0, dropped).map(({ stream }) => stream));
  for (const { stream } of group.events) gone.delete(stream);
  for (const stream of gone) group.streams.delete(stream);
}

const bytesOf = (event: LogEvent | undefined): number =>
  event ? Buffer.byteLength(event.message) + bytesPerEvent : 0;

/** The size of events as CloudWatch counts it. */
export const sizeOf = (events: readonly LogEvent[]): number =>
  events.reduce((bytes, event) => bytes + bytesOf(event), 0);
