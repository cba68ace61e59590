import { randomBytes, randomInt } from "node:crypto";
import { expect, test } from "vitest";
import { encodeFrame, openRaw, upgradeRequest } from "../support/raw-socket.ts";
import { openSocket } from "../support/socket.ts";
import { testGateway, type TestGateway } from "../support/test-gateway.ts";

const closing = { opcode: 8, payload: Buffer.from([0x03, 0xe8]) };

test(
  "G-01 2,000 connections that send noise do not disturb another client",
  { timeout: 60_000 },
  async () => {
    const api = await testGateway();
    const bystander = await openSocket(api.url);
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(Array.from({ length: 100 }, () => makeNoise(api)));
    }
    bystander.send("unharmed");
    expect(await api.calls.next(({ event }) => event.body === "unharmed")).toBeDefined();
  },
);

async function makeNoise({ port }: TestGateway): Promise<void> {
  const raw = await openRaw(port);
  const frames = Array.from({ length: 5 }, () =>
    encodeFrame({
      opcode: randomInt(16),
      fin: randomInt(2) === 1,
      reserved: randomInt(8) === 0 ? randomInt(8) : 0,
      masked: randomInt(8) > 0,
      payload: randomBytes(randomInt(200)),
    }),
  );
  raw.write(
    Buffer.concat([
      Buffer.from(upgradeRequest("/a1b2c3d4e5/dev")),
      ...frames,
      randomBytes(randomInt(64)),
      encodeFrame(closing),
    ]),
  );
  await raw.head();
  raw.cut({ reset: randomInt(2) === 1 });
}
