import fc from "fast-check";
import { expect } from "vitest";
import { connectEvent, disconnectEvent, messageEvent } from "./golden-events.ts";
import { contextWith, testHandler } from "./test-handler.ts";

/** A lone surrogate, which UTF-8 cannot encode. */
export const lone = "\ud800";

/**
 * What the backend must find: the client's value, or its text. A lone surrogate has no UTF-8 and arrives as
 * its escape.
 */
export function expected(text: string): unknown {
  return isJson(text) ? (JSON.parse(text) as unknown) : { text };
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Property: any text reaches the backend as the same value. */
export async function anyTextArrives(numRuns: number): Promise<void> {
  const { handler, backend } = await testHandler();
  const text = fc.oneof(
    fc.json(),
    fc.json({ stringUnit: "binary" }),
    fc.string({ unit: "binary" }),
    fc.string(),
  );
  await fc.assert(
    fc.asyncProperty(text, fc.boolean(), async (value, broken) => {
      const body = broken ? value + lone : value;
      backend.requests.length = 0;
      expect(await handler(messageEvent(body), contextWith())).toEqual({ statusCode: 200 });
      expect(backend.requests[0]!.envelope["message"]).toEqual(expected(body));
    }),
    { numRuns },
  );
}

/** Property: with any member of an event replaced, the result is a status. */
export async function anyMemberGivesStatus(numRuns: number): Promise<void> {
  const { handler, backend, connections } = await testHandler();
  const golden = [
    connectEvent({ booking_id: "1", token: "t" }),
    messageEvent("{}"),
    disconnectEvent(),
  ] as object[];
  const junk = fc.oneof(
    fc.anything({ maxDepth: 2 }),
    fc.string(),
    fc.constantFrom(null, undefined, "", 0, [], {}, "../x", "$connect"),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...golden),
      fc.nat(),
      fc.boolean(),
      junk,
      async (event, index, inside, value) => {
        const copy = structuredClone(event) as Record<string, unknown>;
        const target = inside ? (copy["requestContext"] as Record<string, unknown>) : copy;
        const names = Object.keys(target);
        target[names[index % names.length]!] = value;
        const { statusCode } = await handler(copy, contextWith());
        expect([200, 400, 401]).toContain(statusCode);
      },
    ),
    { numRuns },
  );
  expect(
    backend.requests.every(({ headers }) =>
      /^[A-Za-z0-9_=-]{1,128}$/.test(String(headers["x-connection-id"])),
    ),
  ).toBe(true);
  expect(connections.sent).toEqual([]);
}
