import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluateSelection, selectRoute } from "../../src/local/gateway/route-selection.ts";

const chat = JSON.stringify({
  service: "chat",
  action: "join",
  n: 5,
  yes: true,
  list: ["a", 1, ["b"]],
  deep: { "the key": [{ id: "x" }] },
  none: null,
});

test.each([
  ["$request.body.action", "join"],
  ["${request.body.service}/${request.body.action}", "chat/join"],
  ["${request.body.action}-${request.body.nope}", "join-"],
  ["action", "action"],
  ["\\$default", "$default"],
  ["$request.body.n", "5"],
  ["$request.body.yes", "true"],
  ["$request.body.list", "[a, 1, [b]]"],
  ["$request.body.list[1]", "1"],
  ["$request.body.deep['the key'][0].id", "x"],
  ['$request.body["deep"]["the key"][0]["id"]', "x"],
  ["$request.body.nope.deeper", ""],
  ["$request.body.none", ""],
  ["$request.body.deep", ""],
  ["$request.body.constructor", ""],
  ["$request.body.__proto__", ""],
])("the expression %s selects %j", (expression, expected) => {
  expect(evaluateSelection(expression, chat)).toBe(expected);
});

test.each([
  "$default",
  "$context.requestId",
  "${request.header.x}",
  "$request.body..action",
  "$request.body.a[",
  "${request.body.a",
  "x$y",
  "end\\",
])("the expression %s cannot be evaluated", (expression) => {
  expect(evaluateSelection(expression, chat)).toBeUndefined();
});

test.each(["", "hello", '"hi"', "5", "null", "{", "{'a':1}"])(
  "a message %j that is no object selects nothing",
  (body) => {
    expect(evaluateSelection("$request.body.action", body)).toBeUndefined();
  },
);

describe("the route", () => {
  const routes = new Map(["$connect", "$disconnect", "$default", "join", "[a]"].map((key) => [key, key]));
  const withoutDefault = new Map([...routes].filter(([key]) => key !== "$default"));
  const select = (body: unknown, among = routes) =>
    selectRoute("$request.body.action", JSON.stringify(body), among);

  test.each([
    [{ action: "join" }, "join"],
    [{ action: "Join" }, "$default"],
    [{ action: "join " }, "$default"],
    [{ action: ["a"] }, "[a]"],
    [{}, "$default"],
    [["join"], "$default"],
    ["join", "$default"],
    [{ action: "$default" }, "$default"],
    [{ action: "$connect" }, "$default"],
    [{ action: "$disconnect" }, "$default"],
  ])("of %j is %s", (body, expected) => {
    expect(select(body)).toBe(expected);
  });

  test.each([
    [{ action: "nope" }],
    [{ action: "$connect" }],
    [{ action: "$disconnect" }],
    [{ action: "$default" }],
    ["text"],
  ])("of %j is none without a default", (body) => {
    expect(select(body, withoutDefault)).toBeUndefined();
  });

  test("is never one of the connection's own, whatever the expression and the message", () => {
    fc.assert(
      fc.property(fc.string(), fc.oneof(fc.json(), fc.string()), (expression, body) => {
        expect(["join", "[a]", "$default"]).toContain(selectRoute(expression, body, routes));
      }),
    );
  });
});
