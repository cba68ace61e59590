import { createThrottle } from "../../gateway/throttle.ts";
import type { Host } from "../../host.ts";
import type { Guard } from "../service.ts";
import { conflict, tooManyRequests } from "./refusals.ts";

/**
 * API Gateway's own limits: calls per second (AWS.md 3.9), and one change of an API at a time: each change
 * takes `apiChangeMs`, and another one that arrives in the meantime conflicts.
 */
export function limits({ controlRate, delays, pause }: Host): Guard {
  const throttle = createThrottle();
  const changing = new Set<unknown>();
  return async ({ mutating, input: { ApiId }, at }, run) => {
    if (controlRate && !throttle.take(at.region, controlRate, at.now)) throw tooManyRequests();
    if (!mutating || ApiId === undefined || delays.apiChangeMs === 0) return run();
    if (changing.has(ApiId))
      throw conflict("Unable to complete operation due to concurrent modification. Please try again later.");
    changing.add(ApiId);
    try {
      const output = await run();
      await pause(delays.apiChangeMs);
      return output;
    } finally {
      changing.delete(ApiId);
    }
  };
}
