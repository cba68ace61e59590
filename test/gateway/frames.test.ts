import { expect, test } from "vitest";
import { testGateway, type TestGateway } from "../support/test-gateway.ts";
import { closeCodeIn, encodeFrame, openRaw, upgradeRequest, type Frame } from "../support/raw-socket.ts";
import { openSocket } from "../support/socket.ts";

const text = 1;
const close = 8;
const ping = 9;
const pong = 10;
const hello = Buffer.from("hello");

function closing(code: number, reason: string | Buffer = ""): Frame {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return { opcode: close, payload: Buffer.concat([payload, Buffer.from(reason)]) };
}

type Case = [name: string, code: number, frames: Frame[]];

const badUtf8 = [
  "80",
  "c0af",
  "c1bf",
  "e080af",
  "eda080",
  "edbfbf",
  "f08080af",
  "f4908080",
  "f5808080",
  "fe",
  "ff",
  "c3",
  "e282",
  "f09f98",
];
const badCodes = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535];
const goodCodes = [
  1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
];

const broken: Case[] = [
  ...[text, 0, close, ping, pong].map((opcode): Case => [
    `unmasked frame of opcode ${opcode}`,
    1002,
    [{ opcode, masked: false }],
  ]),
  ...[text, close, ping, pong].flatMap((opcode) =>
    [1, 2, 3, 4, 5, 6, 7].map((reserved): Case => [
      `reserved bits ${reserved} on opcode ${opcode}`,
      1002,
      [{ opcode, reserved, payload: hello }],
    ]),
  ),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode): Case[] => [
    [`reserved opcode ${opcode}`, 1002, [{ opcode }]],
    [`reserved opcode ${opcode} with a payload`, 1002, [{ opcode, payload: hello }]],
    [
      `reserved opcode ${opcode} within a message`,
      1002,
      [{ opcode: text, fin: false, payload: hello }, { opcode }],
    ],
  ]),
  ...[close, ping, pong].flatMap((opcode): Case[] => [
    [`control frame ${opcode} of 126 bytes`, 1002, [{ opcode, payload: Buffer.alloc(126, "x") }]],
    [`control frame ${opcode} of 65,536 bytes`, 1002, [{ opcode, payload: Buffer.alloc(65_536, "x") }]],
    [`fragmented control frame ${opcode}`, 1002, [{ opcode, fin: false }, { opcode: 0 }]],
  ]),
  ["continuation of nothing", 1002, [{ opcode: 0, payload: hello }]],
  ["unfinished continuation of nothing", 1002, [{ opcode: 0, fin: false, payload: hello }]],
  [
    "continuation after a whole message",
    1002,
    [
      { opcode: text, payload: hello },
      { opcode: 0, payload: hello },
    ],
  ],
  [
    "new message within a message",
    1002,
    [
      { opcode: text, fin: false, payload: hello },
      { opcode: text, payload: hello },
    ],
  ],
  [
    "binary message within a message",
    1002,
    [
      { opcode: text, fin: false, payload: hello },
      { opcode: 2, payload: hello },
    ],
  ],
  ["close frame of one byte", 1002, [{ opcode: close, payload: Buffer.from([3]) }]],
  ...badCodes.map((code): Case => [`close code ${code}`, 1002, [closing(code)]]),
  ...badCodes.map((code): Case => [`close code ${code} with a reason`, 1002, [closing(code, "bye")]]),
  ...badUtf8.map((hex): Case => [`text ${hex}`, 1007, [{ opcode: text, payload: Buffer.from(hex, "hex") }]]),
  ...badUtf8.map((hex): Case => [`close reason ${hex}`, 1007, [closing(1000, Buffer.from(hex, "hex"))]]),
  [
    "a character cut in two and never finished",
    1007,
    [
      { opcode: text, fin: false, payload: Buffer.from([0xe2]) },
      { opcode: 0, payload: Buffer.from([0x82]) },
    ],
  ],
  ...goodCodes.map((code): Case => [`valid close code ${code}`, code, [closing(code, "bye")]]),
  ["close without a code", 1005, [{ opcode: close }]],
  ["close with the longest reason", 1000, [closing(1000, "x".repeat(123))]],
  [
    "G-04 16,385 empty fragments",
    1008,
    [{ opcode: text, fin: false }, ...Array.from({ length: 16_384 }, () => ({ opcode: 0, fin: false }))],
  ],
];

async function closeCodeAfter({ port }: TestGateway, bytes: Buffer): Promise<number | undefined> {
  const raw = await openRaw(port);
  raw.write(upgradeRequest("/a1b2c3d4e5/dev"));
  expect(await raw.head()).toMatch(/^HTTP\/1.1 101 /);
  raw.write(bytes);
  return closeCodeIn(await raw.rest());
}

test(
  `G-01 each of ${broken.length} bad frames ends its connection with the right code, and no other`,
  { timeout: 60_000 },
  async () => {
    const api = await testGateway();
    const bystander = await openSocket(api.url);
    const codes = await Promise.all(
      broken.map(async ([name, , frames]) => [
        name,
        await closeCodeAfter(api, Buffer.concat(frames.map(encodeFrame))),
      ]),
    );
    expect(codes).toEqual(broken.map(([name, code]) => [name, code]));
    bystander.send("unharmed");
    expect(await api.calls.next(({ event }) => event.body === "unharmed")).toBeDefined();
  },
);

test.each([
  ["in one piece", [{ opcode: text, payload: hello }]],
  [
    "byte by byte",
    Array.from("hello", (letter, index) => ({
      opcode: index ? 0 : text,
      fin: index === 4,
      payload: Buffer.from(letter),
    })),
  ],
  [
    "with pings in between",
    [
      { opcode: text, fin: false, payload: Buffer.from("hel") },
      { opcode: ping },
      { opcode: 0, payload: Buffer.from("lo") },
    ],
  ],
  [
    "after an unsolicited pong",
    [
      { opcode: pong, payload: hello },
      { opcode: text, payload: hello },
    ],
  ],
])("G-01 a message %s arrives whole", async (_, frames) => {
  const api = await testGateway();
  const raw = await openRaw(api.port);
  // Sent with the handshake, before it could have been answered.
  raw.write(Buffer.concat([Buffer.from(upgradeRequest("/a1b2c3d4e5/dev")), ...frames.map(encodeFrame)]));
  expect((await api.event("MESSAGE")).body).toBe("hello");
});
