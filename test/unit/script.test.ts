import { expect, onTestFinished, test } from "vitest";
import { play, type Played } from "../../src/client/play.ts";
import { readScript } from "../../src/client/script.ts";
import { openAs } from "../../src/client/opener.ts";
import { webSocketServer } from "../support/handshake-server.ts";

const context = {
  variables: { SHELFSHACK_ANN_TOKEN: "t1", CI_JOB_TOKEN: "s3cr3t", GIVEN: "t2" },
  allowed: ["GIVEN"],
  defaults: { type: "booking", token: "own" },
};
const script = (...steps: readonly (object | string)[]) =>
  readScript(
    steps.map((step) => (typeof step === "string" ? step : JSON.stringify(step))).join("\n"),
    context,
  );
const ann = { as: "ann", open: {} };

test("S52 a script is read as a whole, with tokens by the names of variables", () => {
  const steps = script(
    { as: "ann", open: { booking: "1", token: "$SHELFSHACK_ANN_TOKEN" } },
    "",
    { as: "eve", open: { booking: "2", token: null }, expectStatus: 401 },
    { as: "ann", send: { a: [1] } },
    { as: "ann", send: "plain" },
    { as: "ann", close: 4000 },
  );
  expect(steps).toMatchObject([
    { line: 1, kind: "open", subscription: { booking: "1", type: "booking", token: "t1" } },
    { line: 3, kind: "open", subscription: { booking: "2" }, expectStatus: 401 },
    { line: 4, kind: "send", text: '{"a":[1]}' },
    { line: 5, kind: "send", text: "plain" },
    { line: 6, kind: "close", code: 4000 },
  ]);
  expect(steps[1]).toMatchObject({ subscription: { token: undefined } });
});

test("S52 a script names other variables where that was allowed, and is told how where not", () => {
  const open = (token: string) => script({ as: "ann", open: { token } });
  expect(open("$GIVEN")).toMatchObject([{ subscription: { token: "t2" } }]);
  expect(() => open("$NPM_TOKEN")).toThrow(
    expect.objectContaining({ hint: expect.stringContaining("pass --script-env NPM_TOKEN") }),
  );
});

test.each([
  ["opne", { as: "ann", opne: {} }, 'did you mean "open"?'],
  ["witin", { as: "ann", expect: 1, witin: 2 }, 'did you mean "within"?'],
  ["bookng", { as: "ann", open: { bookng: "1" } }, 'did you mean "open.booking"?'],
])("S52 the key %s is one that is known, misspelt", (_key, step, hint) => {
  expect(() => script(ann, step)).toThrow(expect.objectContaining({ hint }));
});

test.each([
  ["no JSON", ["{"], "line 1 of the script: expected a JSON object"],
  ["a list", ["[]"], "line 1 of the script: expected a JSON object"],
  ["nothing to do", [{ as: "ann" }], "line 1 of the script: expected exactly one of the keys open, send"],
  ["two things to do", [{ as: "ann", send: 1, close: 1000 }], "expected exactly one of the keys"],
  ["an unknown key", [ann, { as: "ann", expect: 1, witin: 2 }], 'line 2 of the script: unknown key "witin"'],
  ["an unknown key within", [{ as: "ann", open: { url: "ws://x" } }], 'unknown key "open.url"'],
  ["a missing key", [ann, { send: 1 }], 'line 2 of the script: the key "as" is missing'],
  ["a wrong value", [ann, { as: "ann", expect: 1, within: "2" }], '"within": expected seconds, at most 3600'],
  ["a status that is none", [{ ...ann, expectStatus: 42 }], '"expectStatus": expected an HTTP status'],
  [
    "a close code of the protocol",
    [ann, { as: "ann", close: 1006 }],
    '"close": expected 1000 or a code from',
  ],
  ["a pattern that is none", [ann, { as: "ann", expect: "~(" }], "line 2 of the script: ~( is not a regular"],
  ["a token itself", [{ as: "ann", open: { token: "s3cr3t" } }], "expected the name of a variable such as"],
  [
    "a variable that is not set",
    [{ as: "a", open: { token: "$SHELFSHACK_BEN_TOKEN" } }],
    "the variable SHELFSHACK_BEN_TOKEN is not",
  ],
  [
    "a token of another program",
    [{ as: "a", open: { token: "$CI_JOB_TOKEN" } }],
    "a script may not name the variable CI_JOB_TOKEN",
  ],
  ["another variable", [{ as: "a", open: { token: "$HOME" } }], "may not name the variable HOME"],
  [
    "a name that only begins like ours",
    [{ as: "a", open: { token: "$SHELFSHACK_SIGNING_KEYS" } }],
    "may not name",
  ],
  [
    "JSON that is too deep",
    [`{"as":"ann","send":${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
    "the JSON is nested more than 100 deep",
  ],
  ["a client that is not open", [{ as: "ben", send: 1 }], '"as": ben is not open here'],
  ["a client that is closed", [ann, { as: "ann", close: 1000 }, { as: "ann", send: 1 }], "is not open here"],
  [
    "a client that was refused",
    [
      { ...ann, expectStatus: 401 },
      { as: "ann", send: 1 },
    ],
    "is not open here",
  ],
  ["a client that is open already", [ann, ann], '"as": ann is open already'],
  ["no steps", ["", " "], "the script has no steps"],
])("S52 a script with %s is refused as a whole, with line and key", (_what, steps, message) => {
  expect(() => script(...steps)).toThrow(message);
  expect(() => script(...steps)).not.toThrow("s3cr3t");
});

/** A server that is not ours: what one sends, all of the same booking get. */
async function room(): Promise<string> {
  const members: { booking: string | null; send(text: string): void }[] = [];
  return await webSocketServer((socket, url) => {
    const booking = new URL(url, "ws://x").searchParams.get("booking_id");
    members.push({ booking, send: (text) => socket.send(text) });
    socket.on("message", (payload: Buffer) => {
      if (payload.toString() === '"bye"' || payload.toString() === "bye") return socket.close(4001, "gone");
      for (const one of members) if (one.booking === booking) one.send(payload.toString());
      return undefined;
    });
  });
}

async function playing(...steps: readonly object[]): Promise<{ played: Played[]; frames: string[] }> {
  const base = await room();
  const frames: string[] = [];
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const { signal } = ending;
  const opening = {
    base,
    source: "given" as const,
    request: {},
    timeoutMs: 10_000,
    signal,
    report: () => {},
  };
  const played = await play(script(...steps), {
    open: (subscription) => openAs(opening, subscription),
    onFrame: ({ direction, text }, as) => void frames.push(`${as} ${direction} ${text}`),
    onStep: () => {},
    signal,
  });
  return { played, frames };
}

const [annIn1, benIn1, cidIn2] = [
  { as: "ann", open: { booking: "1" } },
  { as: "ben", open: { booking: "1" } },
  { as: "cid", open: { booking: "2" } },
];

test("S52 clients by name send and receive in order; one that must receive nothing does not", async () => {
  const { played, frames } = await playing(
    annIn1,
    benIn1,
    cidIn2,
    { as: "ann", send: { body: "hi" } },
    { as: "ben", expect: { body: "hi" } },
    { as: "cid", expectNothing: 0.05 },
    { pause: 0.01 },
    { as: "ben", send: "second" },
    { as: "ann", expect: "~^sec" },
    { as: "ann", expect: { body: "hi" } },
    { as: "ann", close: 1000 },
  );
  expect(played.map(({ met }) => met)).toEqual(Array(11).fill(true));
  expect(frames).toContain('ben received {"body":"hi"}');
  expect(frames.filter((frame) => frame.startsWith("cid"))).toEqual([]);
});

test("S52 the first step that is not met stops the script, with what came nearest", async () => {
  const { played } = await playing(
    annIn1,
    { as: "ann", send: { body: "hi", n: 1 } },
    { as: "ann", expect: { body: "hi", n: 2 }, within: 0.2 },
    { as: "ann", send: "never" },
  );
  expect(played).toMatchObject([
    { met: true },
    { met: true },
    {
      line: 3,
      as: "ann",
      met: false,
      failure: {
        reason: "no-such-frame",
        frame: { text: '{"body":"hi","n":1}' },
        differences: [{ path: "$.n" }],
      },
    },
  ]);
});

test("S52 a frame where none is expected, and a peer that closes, are told", async () => {
  const frame = await playing(annIn1, benIn1, { as: "ann", send: "x" }, { as: "ben", expectNothing: 20 });
  expect(frame.played.at(-1)?.failure).toMatchObject({ reason: "unexpected-frame", frame: { text: "x" } });
  const closed = await playing(annIn1, { as: "ann", send: "bye" }, { as: "ann", expect: "~x", within: 20 });
  expect(closed.played.at(-1)?.failure).toMatchObject({ reason: "closed", closed: { code: 4001 } });
  const opened = await playing({ ...annIn1, expectStatus: 401 });
  expect(opened.played.at(-1)?.failure).toMatchObject({ reason: "opened" });
});
