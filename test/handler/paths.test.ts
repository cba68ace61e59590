import { expect, test } from "vitest";
import { connectEvent } from "../support/golden-events.ts";
import { contextWith, testHandler } from "../support/test-handler.ts";

const template = "/api/ws/{type}/{booking_id}/register";

test("REGISTER_PATH takes type and booking, percent-encoded, and the envelope repeats it", async () => {
  const { handler, backend } = await testHandler({ REGISTER_PATH: template });
  const event = connectEvent({ booking_id: "a b&ü?{type}", token: "t" });
  expect(await handler(event, contextWith())).toEqual({ statusCode: 200 });
  const path = "/api/ws/booking/a%20b%26%C3%BC%3F%7Btype%7D/register";
  expect(backend.requests[0]).toMatchObject({ path, envelope: { path } });
});

test.each(["..", ".", "../admin", "a/b", "a\\b", "a\nb", "a\u0000b", "\ud800", "a..b", "\u202e"])(
  "REGISTER_PATH: the booking %j is refused with 400 and the backend is not asked",
  async (booking) => {
    const { handler, backend } = await testHandler({ REGISTER_PATH: template });
    expect(await handler(connectEvent({ booking_id: booking, token: "t" }), contextWith())).toEqual({
      statusCode: 400,
    });
    expect(backend.requests).toEqual([]);
  },
);

test("REGISTER_PATH: without the booking of the path a connection is refused with 400", async () => {
  const { handler, backend } = await testHandler({ REGISTER_PATH: template });
  expect(await handler(connectEvent({ type: "chat", token: "t" }), contextWith())).toEqual({
    statusCode: 400,
  });
  expect(backend.requests).toEqual([]);
});

test.each(["/api/{other}", "/api/{type", "/api/{}/x"])(
  "REGISTER_PATH %s is a configuration problem: handshakes end with 502",
  async (path) => {
    const { handler } = await testHandler({ REGISTER_PATH: path });
    expect(await handler(connectEvent({ booking_id: "1", token: "t" }), contextWith())).toEqual({
      statusCode: 502,
    });
  },
);
