import {
  ApiGatewayManagementApiClient,
  DeleteConnectionCommand,
  GetConnectionCommand,
  GoneException,
  PostToConnectionCommand,
} from "@aws-sdk/client-apigatewaymanagementapi";
import { expect, onTestFinished, test } from "vitest";
import { answered, testGateway, type TestGateway, signed } from "../support/test-gateway.ts";
import { createQueue } from "../support/queue.ts";
import { openRaw } from "../support/raw-socket.ts";
import { openSocket } from "../support/socket.ts";

const credentials = { accessKeyId: "local", secretAccessKey: "local" };
const unknownId = "UbT2acX1IAMCJpw=";

function managementClient({ endpoint }: TestGateway): ApiGatewayManagementApiClient {
  const client = new ApiGatewayManagementApiClient({
    endpoint,
    region: "us-east-1",
    credentials,
    maxAttempts: 1,
  });
  onTestFinished(() => client.destroy());
  return client;
}

async function openedSocket(api: TestGateway, headers: Record<string, string> = {}) {
  const socket = await openSocket(api.url, { headers });
  const { requestContext } = await api.event("CONNECT");
  return { socket, id: requestContext.connectionId };
}

const call = ({ endpoint }: TestGateway, id: string, init: RequestInit = {}) =>
  fetch(`${endpoint}/@connections/${encodeURIComponent(id)}`, { headers: signed, ...init });

test("what the SDK posts arrives as a text frame", async () => {
  const api = await testGateway();
  const { socket, id } = await openedSocket(api);
  await managementClient(api).send(
    new PostToConnectionCommand({ ConnectionId: id, Data: Buffer.from("héllo") }),
  );
  expect(await socket.next()).toBe("héllo");
});

test("a post is answered with 200 and nothing, also with everything encoded in its path", async () => {
  const api = await testGateway();
  const { socket, id } = await openedSocket(api);
  const response = await fetch(`${api.endpoint}/%40connections/${encodeURIComponent(id)}`, {
    method: "POST",
    headers: signed,
    body: "x",
  });
  expect([response.status, await response.text(), response.headers.get("x-amzn-requestid")?.length]).toEqual([
    200,
    "",
    36,
  ]);
  expect(await socket.next()).toBe("x");
});

test("an empty message can be posted, and bytes that are no UTF-8 do not end the connection", async () => {
  const api = await testGateway();
  const { socket, id } = await openedSocket(api);
  await call(api, id, { method: "POST", body: "" });
  await call(api, id, { method: "POST", body: Buffer.from([0x61, 0xff]) });
  expect([await socket.next(), await socket.next()]).toEqual(["", "a\ufffd"]);
});

test("a connection is described in camel case", async () => {
  const api = await testGateway();
  const { id } = await openedSocket(api, { "User-Agent": "shelf/1.0" });
  const response = await call(api, id);
  const isoTime = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect([response.status, await response.json()]).toEqual([
    200,
    {
      connectedAt: isoTime,
      identity: { sourceIp: "127.0.0.1", userAgent: "shelf/1.0" },
      lastActiveAt: isoTime,
    },
  ]);
});

test("the SDK understands the description, also without a user agent", async () => {
  const api = await testGateway();
  const { id } = await openedSocket(api);
  const description = await managementClient(api).send(new GetConnectionCommand({ ConnectionId: id }));
  expect(description).toMatchObject({
    ConnectedAt: expect.any(Date),
    Identity: { SourceIp: "127.0.0.1" },
    LastActiveAt: expect.any(Date),
  });
  expect(await (await call(api, id)).text()).toContain('"userAgent":null');
});

test("a message in either direction is activity", async () => {
  const api = await testGateway();
  const { socket, id } = await openedSocket(api);
  const lastActiveAt = async () =>
    Date.parse(((await (await call(api, id)).json()) as { lastActiveAt: string }).lastActiveAt);
  const began = await lastActiveAt();
  do await call(api, id, { method: "POST", body: "x" });
  while ((await lastActiveAt()) === began);
  const posted = await lastActiveAt();
  do {
    socket.send("x");
    await api.event("MESSAGE");
  } while ((await lastActiveAt()) === posted);
  expect(posted).toBeGreaterThan(began);
});

test("a deleted connection is closed, gone, and announced as gone", async () => {
  const api = await testGateway();
  const { socket, id } = await openedSocket(api);
  const response = await managementClient(api).send(new DeleteConnectionCommand({ ConnectionId: id }));
  expect(response.$metadata.httpStatusCode).toBe(204);
  expect((await call(api, id)).status).toBe(410);
  expect((await socket.closed()).code).toBe(1000);
  expect((await api.event("DISCONNECT")).requestContext).toMatchObject({
    connectionId: id,
    disconnectStatusCode: 1000,
    disconnectReason: "Connection Closed Normally",
  });
});

test.each(["POST", "GET", "DELETE"])(
  "%s on a connection that is not there is a 410 without body",
  async (method) => {
    const response = await call(await testGateway(), unknownId, { method });
    expect([response.status, await response.text(), response.headers.get("x-amzn-errortype")]).toEqual([
      410,
      "",
      "GoneException",
    ]);
  },
);

test("the SDK calls a connection that is not there gone", async () => {
  const posting = managementClient(await testGateway()).send(
    new PostToConnectionCommand({ ConnectionId: unknownId, Data: "x" }),
  );
  await expect(posting).rejects.toBeInstanceOf(GoneException);
});

test("a connection is gone until its $connect has accepted it, and after it closed", async () => {
  const statuses = createQueue<number>();
  const api: TestGateway = await testGateway({
    lambda: async ({ requestContext }) => {
      statuses.put((await call(api, requestContext.connectionId, { method: "POST", body: "x" })).status);
      return answered({ statusCode: 200 });
    },
  });
  const { socket, id } = await openedSocket(api);
  statuses.put((await call(api, id, { method: "POST", body: "x" })).status);
  socket.close();
  expect([await statuses.next(), await statuses.next(), await statuses.next()]).toEqual([410, 200, 410]);
});

test.each(["POST", "GET", "DELETE"])(
  "%s at a stage that is not there is a 403 for every id, not a 410 (AWS.md 2.3)",
  async (method) => {
    const api = await testGateway();
    const { id } = await openedSocket(api);
    const elsewhere = { ...api, endpoint: api.endpoint.replace("/dev", "/prod") };
    for (const asked of [id, unknownId]) {
      const response = await call(elsewhere, asked, { method });
      expect([response.status, response.headers.get("x-amzn-errortype"), await response.text()]).toEqual([
        403,
        "ForbiddenException",
        '{"message":"Forbidden"}',
      ]);
    }
  },
);

test("a call that is signed for another region is refused (AWS.md 2.2)", async () => {
  const api = await testGateway();
  const { id } = await openedSocket(api);
  const headers = { authorization: signed.authorization.replace("us-east-1", "eu-west-1") };
  const response = await call(api, id, { method: "POST", body: "x", headers });
  expect([response.status, response.headers.get("x-amzn-errortype")]).toEqual([
    403,
    "InvalidSignatureException",
  ]);
});

test("a call can be signed in its query", async () => {
  const api = await testGateway();
  const { socket, id } = await openedSocket(api);
  const query = new URLSearchParams({
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": "local/20261123/us-east-1/execute-api/aws4_request",
    "X-Amz-Signature": "0",
  });
  const url = `${api.endpoint}/@connections/${encodeURIComponent(id)}?${query.toString()}`;
  expect((await fetch(url, { method: "POST", body: "x" })).status).toBe(200);
  expect(await socket.next()).toBe("x");
});

test.each(["x", "UbT2acX1IAMCJpw", "../../../etc=", "UbT2acX1IAMCJpw=="])(
  "the malformed id %s is a 400",
  async (id) => {
    const response = await call(await testGateway(), id, { method: "POST", body: "x" });
    expect([response.status, response.headers.get("x-amzn-errortype")]).toEqual([400, "BadRequestException"]);
    expect(await response.json()).toEqual({ message: `Invalid connectionId: ${id}` });
  },
);

test.each([{}, { authorization: "Bearer x" }])(
  "G-19 a call with the headers %j is not signed",
  async (headers) => {
    const api = await testGateway();
    const { id } = await openedSocket(api);
    const response = await call(api, id, { method: "POST", body: "x", headers });
    expect([response.status, response.headers.get("x-amzn-errortype")]).toEqual([
      403,
      "MissingAuthenticationTokenException",
    ]);
    expect(await response.json()).toEqual({ message: "Missing Authentication Token" });
  },
);

test("another method is not part of the API", async () => {
  expect((await call(await testGateway(), unknownId, { method: "PUT", body: "x" })).status).toBe(403);
});

test("128 KB can be posted, a byte more not", async () => {
  const api = await testGateway();
  const { socket, id } = await openedSocket(api);
  expect((await call(api, id, { method: "POST", body: "x".repeat(131_072) })).status).toBe(200);
  expect(await socket.next()).toHaveLength(131_072);
  const response = await call(api, id, { method: "POST", body: "x".repeat(131_073) });
  expect([response.status, response.headers.get("x-amzn-errortype")]).toEqual([
    413,
    "PayloadTooLargeException",
  ]);
});

test("a caller that leaves in the middle of its message affects no connection", async () => {
  const api = await testGateway();
  const { socket, id } = await openedSocket(api);
  const raw = await openRaw(api.port);
  const path = `/a1b2c3d4e5/dev/@connections/${id}`;
  const authorization = `Authorization: ${signed.authorization}`;
  raw.write(`POST ${path} HTTP/1.1\r\nHost: x\r\n${authorization}\r\nContent-Length: 10\r\n\r\nhalf`);
  raw.cut({ reset: true });
  await call(api, id, { method: "POST", body: "whole" });
  expect(await socket.next()).toBe("whole");
});
