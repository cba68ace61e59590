import { expect, test } from "vitest";
import { readEvent } from "../../handler/event.ts";
import { connectionsProof, proofEvent, PROVE, PROVEN } from "../../src/verify/connections-proof.ts";
import type { ConnectionsStub } from "../support/connections-stub.ts";
import { connectEvent, connectionId, messageEvent } from "../support/golden-events.ts";
import { closedPort, contextWith, testHandler } from "../support/test-handler.ts";

const frame = JSON.parse(PROVEN) as unknown;
const resource = "arn:aws:execute-api:us-east-1:123456789012:abc123/dev/*/@connections/*";

test("H-39 a caller of Invoke has a frame sent to a connection, and no backend is asked", async () => {
  const { handler, backend, connections, lines } = await testHandler();
  const answer = await handler(proofEvent(connections.endpoint, connectionId), contextWith());
  expect(answer).toEqual({ statusCode: 200, proof: { outcome: "sent", endpoint: connections.endpoint } });
  expect(connections.frames(connectionId)).toEqual([frame]);
  expect(connectionsProof(answer, connections.endpoint)).toMatchObject({ code: "reached", reached: true });
  expect(backend.requests).toEqual([]);
  expect(lines).toMatchObject([{ level: "INFO", event: "proof", connectionId, status: 200, sent: 1 }]);
});

test("H-39 a connection that does not exist proves right, way and stage as well", async () => {
  const { handler, connections, lines } = await testHandler({ BACKEND_URL: undefined });
  connections.status = () => 410;
  const answer = await handler(proofEvent(`${connections.endpoint}/`), contextWith());
  expect(answer).toEqual({ statusCode: 200, proof: { outcome: "gone", endpoint: connections.endpoint } });
  expect(connectionsProof(answer, `${connections.endpoint}/`).code).toBe("reached");
  expect(lines.at(-1)).toMatchObject({ level: "INFO", event: "proof", gone: 1 });
});

/** What is in the way, what the handler answers, and what that means. */
const ways: [
  title: string,
  way: {
    status?: ReturnType<ConnectionsStub["status"]>;
    errorType?: string;
    endpoint?: string;
    environment?: object;
  },
  proof: object,
  code: string,
  level?: string,
][] = [
  [
    "no right",
    { status: 403, errorType: "AccessDeniedException" },
    { cause: "the role lacks execute-api:ManageConnections", status: 403, resource },
    "denied",
    "ERROR",
  ],
  [
    "no such stage",
    { status: 403, errorType: "ForbiddenException" },
    { cause: "@connections answered 403 (ForbiddenException)", status: 403 },
    "wrong-endpoint",
  ],
  [
    "the signature of another region",
    { status: 403, errorType: "InvalidSignatureException" },
    { cause: "@connections answered 403 (InvalidSignatureException)", status: 403 },
    "refused",
  ],
  ["a proxy's page", { status: 404 }, { cause: "@connections answered 404", status: 404 }, "refused"],
  ["no answer", { status: "hang" }, { cause: "@connections: timeout" }, "unreachable"],
  [
    "a name that is not found",
    { endpoint: "http://nosuchapi.invalid/dev" },
    { cause: expect.stringMatching(/^@connections: (ENOTFOUND|EAI_AGAIN)$/) },
    "unreachable",
  ],
  [
    "no credentials",
    { environment: { AWS_ACCESS_KEY_ID: undefined } },
    { cause: "no credentials" },
    "not-asked",
  ],
];

test.each(ways)("H-39 a proof that meets %s says so", async (_title, way, proof, code, level = "WARN") => {
  const { status, errorType, endpoint, environment } = way;
  const { handler, connections, lines } = await testHandler({
    ...(endpoint && { API_GATEWAY_ENDPOINT: endpoint }),
    ...environment,
  });
  if (status !== undefined) connections.status = () => status;
  connections.errorType = errorType;
  const expected = endpoint ?? connections.endpoint;
  const answer = await handler(proofEvent(expected), contextWith(status === "hang" ? 2_300 : 30_000));
  expect(answer).toEqual({
    statusCode: 200,
    proof: { outcome: "failed", endpoint: expected, ...proof },
  });
  const { cause } = answer.proof!;
  expect(connectionsProof(answer, expected)).toMatchObject({ code, reached: false });
  expect(lines).toMatchObject([
    { level, event: "proof", failed: 1, reason: cause, host: new URL(expected).host },
  ]);
});

test("H-39 a handler without an endpoint says so, and takes API Gateway's own from the caller", async () => {
  const { handler } = await testHandler({ API_GATEWAY_ENDPOINT: undefined });
  const answer = await handler(proofEvent("https://evil.example/dev"), contextWith());
  expect(answer.proof).toEqual({ outcome: "failed", cause: "no endpoint" });
  expect(connectionsProof(answer, "https://evil.example/dev").code).toBe("not-asked");
  const own = "https://abc123.execute-api.us-east-1.amazonaws.com/dev";
  expect(readEvent(proofEvent(own), {})).toMatchObject({ kind: "proof", endpoint: new URL(own) });
});

test("H-39 a handler that sends to another API is found, whatever is answered there", async () => {
  const { handler, connections } = await testHandler();
  const elsewhere = "https://abc123.execute-api.us-east-1.amazonaws.com/dev";
  const answer = await handler(proofEvent(elsewhere), contextWith());
  expect(connectionsProof(answer, elsewhere)).toEqual({
    code: "wrong-endpoint",
    reached: false,
    meaning: `the function sends its frames to ${connections.endpoint}, and the clients are at ${elsewhere}`,
  });
});

test.each([
  { statusCode: 400 },
  { statusCode: 200 },
  { statusCode: 200, proof: true },
  { proof: { outcome: "fine" } },
  { errorType: "Error" },
  null,
  undefined,
  "text",
  5,
])("H-39 %j is no answer to a proof", (answer) => {
  expect(connectionsProof(answer, "https://x.example/dev")).toMatchObject({
    code: "older-handler",
    reached: null,
  });
});

test("H-39 a client that asks gets the one frame itself, and API Gateway a plain answer", async () => {
  const { handler, backend, connections, lines } = await testHandler();
  expect(await handler(messageEvent(PROVE), contextWith())).toEqual({ statusCode: 200 });
  expect(connections.sent.map((sent) => sent.connectionId)).toEqual([connectionId]);
  expect(connections.frames(connectionId)).toEqual([frame]);
  expect(backend.requests).toEqual([]);
  expect(lines).toMatchObject([{ level: "INFO", event: "proof", connectionId, sent: 1 }]);
});

test.each([
  `${PROVE} `,
  '{"type":"shelfshack.prove","to":"A1="}',
  '{"type": "shelfshack.prove"}',
  PROVEN,
  JSON.stringify(proofEvent("https://evil.example/dev", "A1=")),
])("H-39 %s of a client is a message like any other", async (text) => {
  const { handler, backend, connections } = await testHandler();
  await handler(messageEvent(text), contextWith());
  expect(backend.requests[0]!.envelope["message"]).toEqual(JSON.parse(text));
  expect(connections.sent).toEqual([]);
});

test("H-39 no query and no header of a client is an order", async () => {
  const { handler, backend, connections } = await testHandler();
  const order = JSON.stringify({ connectionId: "A1=" });
  const event = connectEvent(
    { booking_id: "1", token: "t", shelfshackProof: order },
    { shelfshackProof: order },
  );
  expect(await handler(event, contextWith())).toEqual({ statusCode: 200 });
  expect(backend.requests).toMatchObject([{ envelope: { event: "connect" } }]);
  expect(connections.sent).toEqual([]);
});

test("H-39 a proof to a port where nothing listens is unreachable", async () => {
  const endpoint = `${await closedPort()}/dev`;
  const { handler } = await testHandler({ API_GATEWAY_ENDPOINT: endpoint });
  const answer = await handler(proofEvent(endpoint), contextWith());
  expect(connectionsProof(answer, endpoint)).toEqual({
    code: "unreachable",
    reached: false,
    meaning: `the function does not reach ${endpoint} to send frames: ECONNREFUSED`,
  });
});
