import { expect, test } from "vitest";
import { countFailedStarts } from "../../src/local/runtime/failed-starts.ts";

test("G-12 each failed start doubles the pause, from 0.1 s to 5 s, until one succeeds", () => {
  let now = 0;
  const starts = countFailedStarts(() => now);
  const pauses = Array.from({ length: 8 }, () => {
    starts.add();
    const pause = starts.pauseMs();
    now += pause;
    return pause;
  });
  expect(pauses).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  expect(starts.pauseMs()).toBe(0);
  starts.reset();
  starts.add();
  expect(starts.pauseMs()).toBe(100);
});

test("G-12 the fifth failure within 10 s is reported once, and again only after a successful start", () => {
  let now = 0;
  const starts = countFailedStarts(() => now);
  const told = () => Array.from({ length: 6 }, () => starts.add());
  expect(told()).toEqual([false, false, false, false, true, false]);
  starts.reset();
  expect(told()).toEqual([false, false, false, false, true, false]);
  starts.reset();
  expect(Array.from({ length: 6 }, () => ((now += 3000), starts.add()))).toEqual([
    false,
    false,
    false,
    false,
    false,
    false,
  ]);
});
