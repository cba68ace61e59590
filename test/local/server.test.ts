import { once } from "node:events";
import { createServer, request, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { CreateStageCommand, CreateDeploymentCommand } from "@aws-sdk/client-apigatewayv2";
import { GetRoleCommand } from "@aws-sdk/client-iam";
import { GetFunctionCommand, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { expect, onTestFinished, test } from "vitest";
import { startLocalAws } from "../../src/local/server.ts";
import { ClientLeftError, readRequest, refuseLeft } from "../../src/local/wire/http.ts";
import { makeApi, makeFunction, makeRole, openLocalAws, permit } from "../support/local-aws.ts";
import { openRaw } from "../support/raw-socket.ts";
import { openSocket, refusedSocket } from "../support/socket.ts";

interface Sent {
  port: number;
  method?: string;
  path?: string;
  headers?: OutgoingHttpHeaders;
  body?: string;
  host?: string;
}

/** A request exactly as given, without an SDK. */
async function send({ port, method = "GET", path = "/", headers = {}, body = "", host = "127.0.0.1" }: Sent) {
  return await new Promise<{
    status: number | undefined;
    headers: NodeJS.Dict<string | string[]>;
    body: string;
  }>((resolve, reject) => {
    request({ host, port, method, path, headers, agent: false }, (response) => {
      text(response).then(
        (answered) => resolve({ status: response.statusCode, headers: response.headers, body: answered }),
        reject,
      );
    })
      .on("error", reject)
      .end(body);
  });
}

const signedFor = (service: string, region = "us-east-1") =>
  `AWS4-HMAC-SHA256 Credential=AKIDTEST/20261123/${region}/${service}/aws4_request, ` +
  `SignedHeaders=host;x-amz-date, Signature=${"0".repeat(64)}`;

test("G-17 G-18 unsigned requests and foreign hosts are refused before anything runs", async () => {
  const { port, calls } = await openLocalAws();
  const authorization = signedFor("lambda");
  for (const headers of [{ host: "evil.example" }, { origin: "http://evil.example" }, { origin: "null" }]) {
    const refused = await send({
      port,
      path: "/2015-03-31/functions",
      headers: { authorization, ...headers },
    });
    expect(refused.status).toBe(403);
    expect(Object.keys(refused.headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
    expect((await refusedSocket(`ws://127.0.0.1:${port}/abcdefghij/dev`, { headers })).status).toBe(403);
    expect(
      (
        await send({
          port,
          method: "POST",
          path: "/abcdefghij/dev/@connections/x",
          headers: { authorization, ...headers },
        })
      ).status,
    ).toBe(403);
  }
  const withoutHost = await new Promise<string>((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () =>
      socket.end("GET /2015-03-31/functions HTTP/1.1\r\nConnection: close\r\n\r\n"),
    );
    text(socket).then(resolve, reject);
  });
  expect(withoutHost).toMatch(/^HTTP\/1\.1 403 /);
  expect(calls).toEqual([]);
});

/** What a server sees of a request that came whole, and whose client then reset the connection. */
async function leftRequest(): Promise<IncomingMessage> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => server.close().closeAllConnections());
  const arrived = once(server, "request") as Promise<[IncomingMessage]>;
  const raw = await openRaw((server.address() as AddressInfo).port);
  raw.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}");
  const [request] = await arrived;
  const { socket } = request;
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  raw.cut({ reset: true });
  await closed;
  return request;
}

test("a request whose client has left is told from a bug, also one that came whole", async () => {
  const request = await leftRequest();
  expect(request.complete).toBe(true);
  expect(() => refuseLeft(request)).toThrow(ClientLeftError);
  await expect(readRequest(request)).rejects.toThrow(ClientLeftError);
});

test("clients that reset their connections anywhere are no bugs of the local AWS", async () => {
  const told: string[] = [];
  const { port, lambda } = await openLocalAws({
    onLog: (entries) => void told.push(...entries.map(({ message }) => message)),
  });
  const request = (service: string, path: string, headers = "") =>
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${signedFor(service)}\r\n` +
    `${headers}Content-Length: 100000\r\n\r\n${" ".repeat(100_000)}`;
  const requests = [
    request("lambda", "/2015-03-31/functions"),
    request("iam", "/", "Content-Type: application/x-www-form-urlencoded\r\n"),
    request("logs", "/", "Content-Type: application/x-amz-json-1.1\r\n"),
    request("execute-api", "/abcdefghij/dev/@connections/L0SM9cOFIAMCJPw%3D"),
    request("lambda", "/2015-03-31/functions").replace("100000", "200000"),
  ];
  for (let round = 0; round < 4; round++)
    for (const text of requests) {
      const raw = await openRaw(port);
      raw.write(text);
      raw.cut({ reset: true });
    }
  await lambda.send(new ListFunctionsCommand({}));
  expect(told.filter((message) => message.includes("bug"))).toEqual([]);
});

test("G-19 what a web page can send without a preflight changes nothing", async () => {
  const { port, calls } = await openLocalAws();
  const headers = { "content-type": "text/plain", origin: "http://localhost:5173" };
  const create = await send({ port, method: "POST", path: "/2015-03-31/functions", headers, body: "{}" });
  expect(create).toMatchObject({
    status: 403,
    headers: { "x-amzn-errortype": "MissingAuthenticationTokenException" },
  });
  const query = { ...headers, "content-type": "application/x-www-form-urlencoded" };
  expect(
    (await send({ port, method: "POST", headers: query, body: "Action=CreateRole&RoleName=r" })).status,
  ).toBe(403);
  const posted = await send({
    port,
    method: "POST",
    path: "/abcdefghij/dev/@connections/L0SM9cOFIAMCJPw%3D",
    headers,
    body: "hi",
  });
  expect(posted).toMatchObject({ status: 403, body: '{"message":"Missing Authentication Token"}' });
  expect((await send({ port, method: "OPTIONS", path: "/v2/apis", headers })).headers).not.toHaveProperty(
    "access-control-allow-origin",
  );
  expect(calls).toEqual([]);
});

test("a refusal has its caller's protocol, and a wrong address of @connections AWS's words", async () => {
  const { port, calls } = await openLocalAws();
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const unsigned = await send({ port, method: "POST", headers: form, body: "Action=GetCallerIdentity" });
  expect([unsigned.status, unsigned.headers["content-type"]]).toEqual([403, "text/xml"]);
  expect(unsigned.body).toContain("<Code>MissingAuthenticationToken</Code>");
  const foreign = { ...form, host: "evil.example" };
  const refused = await send({ port, method: "POST", headers: foreign });
  expect([refused.status, refused.body]).toEqual([
    403,
    expect.stringContaining("<Code>NotAllowedByLocalAws</Code>"),
  ]);
  const json = {
    "content-type": "application/x-amz-json-1.1",
    "x-amz-target": "Logs_20140328.CreateLogGroup",
  };
  expect(await send({ port, method: "POST", headers: json, body: "{}" })).toMatchObject({
    status: 403,
    body: '{"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}',
  });
  expect(calls).toEqual([]);
  const body = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=a&WebIdentityToken=t";
  const federated = await send({ port, method: "POST", headers: form, body });
  expect([federated.status, federated.headers["content-type"]]).toEqual([501, "text/xml"]);
  expect(federated.body).toContain("AssumeRoleWithWebIdentity (sts) is not emulated");
  const headers = { authorization: signedFor("execute-api") };
  for (const path of [
    "/abcdefghij/@connections/L0SM9cOFvHcCIhw%3D",
    "/@connections/L0SM9cOFvHcCIhw%3D",
    "/x",
  ])
    for (const method of ["GET", "POST", "DELETE"])
      expect(await send({ port, method, path, headers })).toMatchObject({
        status: 403,
        headers: { "x-amzn-errortype": "ForbiddenException" },
        body: '{"message":"Forbidden"}',
      });
});

test.each([
  "",
  "Bearer abc",
  "AWS4-HMAC-SHA256",
  "AWS4-HMAC-SHA256 Credential=a/20261123/us-east-1/lambda/aws4_request",
  signedFor("lambda").replace(/Signature=.*/, "Signature=short"),
  signedFor("lambda").replace("20261123", "today"),
])("a signature must have its form: %s", async (authorization) => {
  const { port } = await openLocalAws();
  expect((await send({ port, path: "/2015-03-31/functions", headers: { authorization } })).status).toBe(403);
});

test("every answer carries a request id and a date, in each protocol's own form", async () => {
  const { port } = await openLocalAws();
  const lambda = await send({
    port,
    path: "/2015-03-31/functions/none",
    headers: { authorization: signedFor("lambda") },
  });
  expect(lambda).toMatchObject({
    status: 404,
    headers: {
      "x-amzn-requestid": expect.stringMatching(/^[0-9a-f-]{36}$/),
      "x-amzn-errortype": "ResourceNotFoundException",
      date: expect.any(String),
    },
    body:
      '{"Type":"User",' +
      '"Message":"Function not found: arn:aws:lambda:us-east-1:000000000000:function:none"}',
  });
  const publish = { "content-type": "application/json", authorization: signedFor("lambda") };
  const invalid = await send({
    port,
    method: "POST",
    path: "/2015-03-31/functions",
    headers: publish,
    body: '{"FunctionName":7}',
  });
  expect(invalid).toMatchObject({ status: 400, headers: { "x-amzn-errortype": "SerializationException" } });
  const form = { "content-type": "application/x-www-form-urlencoded", authorization: signedFor("iam") };
  const iam = await send({
    port,
    method: "POST",
    headers: form,
    body: "Action=GetRole&Version=2010-05-08&RoleName=r%26d",
  });
  expect(iam.status).toBe(400);
  const missing = await send({
    port,
    method: "POST",
    headers: form,
    body: "Action=GetRole&Version=2010-05-08&RoleName=r",
  });
  expect(missing).toMatchObject({ status: 404, headers: { "content-type": "text/xml" } });
  expect(missing.body).toBe(
    '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">' +
      "<Error><Type>Sender</Type><Code>NoSuchEntity</Code>" +
      "<Message>The role with name r cannot be found.</Message></Error>" +
      `<RequestId>${missing.headers["x-amzn-requestid"] as string}</RequestId></ErrorResponse>`,
  );
  const target = {
    "content-type": "application/x-amz-json-1.1",
    authorization: signedFor("logs"),
    "x-amz-target": "Logs_20140328.FilterLogEvents",
  };
  const logs = await send({ port, method: "POST", headers: target, body: '{"logGroupName":"none"}' });
  expect(logs).toMatchObject({
    status: 400,
    body: '{"__type":"ResourceNotFoundException","message":"The specified log group does not exist."}',
  });
});

test("what is not emulated says so, and which operation and service it was", async () => {
  const { port, calls } = await openLocalAws();
  const sent = async (service: string, given: Omit<Sent, "port">) =>
    await send({ port, ...given, headers: { ...given.headers, authorization: signedFor(service) } });
  const form = { "content-type": "application/x-www-form-urlencoded" };
  expect((await sent("iam", { method: "POST", headers: form, body: "Action=CreateUser" })).body).toContain(
    "CreateUser (iam) is not emulated",
  );
  expect((await sent("ec2", { method: "POST", headers: form, body: "Action=RunInstances" })).body).toContain(
    "RunInstances (ec2) is not emulated",
  );
  for (const name of ["constructor", "__proto__"])
    expect((await sent(name, { path: "/x" })).status).toBe(501);
  const metrics = {
    "content-type": "application/x-amz-json-1.0",
    "x-amz-target": "GraniteServiceVersion20100801.PutMetricData",
  };
  expect((await sent("monitoring", { method: "POST", headers: metrics, body: "{}" })).body).toContain(
    '"__type":"NotImplementedException"',
  );
  expect(await sent("apigateway", { path: "/restapis" })).toMatchObject({
    status: 501,
    body: expect.stringContaining("GET /restapis (apigateway)"),
  });
  expect(calls.map(({ service, operation, status, error }) => [service, operation, status, error])).toEqual([
    ["iam", "CreateUser", 501, "NotImplementedException"],
    ["ec2", "RunInstances", 501, "NotImplementedException"],
    ["constructor", "GET /x", 501, "NotImplementedException"],
    ["__proto__", "GET /x", 501, "NotImplementedException"],
    ["monitoring", "PutMetricData", 501, "NotImplementedException"],
    ["apigateway", "GET /restapis", 501, "NotImplementedException"],
  ]);
});

test("calls are recorded with what was asked and what came of it, zips by their length", async () => {
  const seen: string[] = [];
  const aws = await openLocalAws({ onCall: ({ operation }) => seen.push(operation) });
  await makeFunction(aws);
  await aws.lambda.send(new GetFunctionCommand({ FunctionName: "proxy" }));
  await aws.iam.send(new GetRoleCommand({ RoleName: "none" })).catch(() => undefined);
  expect(aws.calls).toMatchObject([
    { service: "iam", operation: "CreateRole", mutating: true, status: 200 },
    { service: "iam", operation: "PutRolePolicy", mutating: true },
    {
      service: "lambda",
      operation: "CreateFunction",
      region: "us-east-1",
      input: { FunctionName: "proxy", Code: { ZipFile: /^\d+ bytes$/ } },
      status: 201,
    },
    { service: "lambda", operation: "GetFunction", mutating: false, status: 200 },
    { service: "iam", operation: "GetRole", mutating: false, status: 404, error: "NoSuchEntityException" },
  ]);
  expect(seen).toEqual(aws.calls.map(({ operation }) => operation));
});

test("the stage is reached by path and by host name, and answers a plain GET with what it is", async () => {
  const aws = await openLocalAws();
  const functionArn = await makeFunction(aws);
  const { ApiId } = await makeApi(aws, { functionArn });
  await permit(aws, { apiId: ApiId });
  const { DeploymentId } = await aws.apigatewayv2.send(new CreateDeploymentCommand({ ApiId }));
  await aws.apigatewayv2.send(new CreateStageCommand({ ApiId, StageName: "dev", DeploymentId }));
  const at = `ws://127.0.0.1:${aws.port}`;
  await openSocket(`${at}/${ApiId}/dev`);
  await openSocket(`${at}/${ApiId}/dev/?token=a/b`);
  await openSocket(`${at}/dev`, { headers: { host: `${ApiId}.execute-api.localhost:${aws.port}` } });
  expect((await refusedSocket(`${at}/${ApiId}/other`)).status).toBe(403);
  expect((await refusedSocket(`${at}/${ApiId}/dev/more`)).status).toBe(403);
  expect((await refusedSocket(at)).status).toBe(403);
  expect(await send({ port: aws.port, path: `/${ApiId}/dev` })).toMatchObject({
    status: 426,
    headers: { upgrade: "websocket" },
  });
  expect((await send({ port: aws.port, path: `/${ApiId}/other` })).status).toBe(403);
  const authorization = signedFor("execute-api");
  const unknown = "L0SM9cOFIAMCJPw%3D";
  for (const path of [`/${ApiId}/dev/@connections/${unknown}`, `/${ApiId}/dev/%40connections/${unknown}`])
    expect((await send({ port: aws.port, path, headers: { authorization } })).status).toBe(410);
  const host = `${ApiId}.execute-api.localhost:${aws.port}`;
  expect(
    (await send({ port: aws.port, path: `/dev/@connections/${unknown}`, headers: { authorization, host } }))
      .status,
  ).toBe(410);
});

test("G-20 both loopback addresses answer, and no other", async () => {
  const { port } = await openLocalAws();
  const over6 = await send({ port, host: "::1", headers: { host: `[::1]:${port}` } }).catch(
    ({ code }: NodeJS.ErrnoException) => code,
  );
  // A machine without IPv6 refuses for another reason.
  expect(
    over6 === "EADDRNOTAVAIL" || over6 === "EAFNOSUPPORT" || (over6 as { status: number }).status === 403,
  ).toBe(true);
  const other = await send({ port, host: "127.0.0.2" }).catch(({ code }: NodeJS.ErrnoException) => code);
  expect(other).toBe("ECONNREFUSED");
});

test("G-16 a port in use is reported in one line, with what to do", async () => {
  const { port } = await openLocalAws();
  await expect(startLocalAws({ port })).rejects.toMatchObject({
    name: "CliError",
    exitCode: 2,
    message: `port ${port} is in use`,
    hint: /--port 0/,
  });
});

test("code is given to a client that has its URL, and to no other", async () => {
  const aws = await openLocalAws();
  await makeFunction(aws);
  const { Code, Configuration } = await aws.lambda.send(new GetFunctionCommand({ FunctionName: "proxy" }));
  const { pathname } = new URL(Code?.Location ?? "");
  expect(await send({ port: aws.port, path: pathname })).toMatchObject({
    status: 200,
    headers: { "content-type": "application/zip", "content-length": String(Configuration?.CodeSize) },
  });
  expect((await send({ port: aws.port, path: pathname, headers: { host: "evil.example" } })).status).toBe(
    403,
  );
  for (const path of ["/.code/", "/.code/proxy", `${pathname}0`, "/.code/../etc/passwd"])
    expect((await send({ port: aws.port, path })).status).toBe(404);
});

test("a body longer than Lambda takes is refused with its own status", async () => {
  const { port } = await openLocalAws();
  const headers = { authorization: signedFor("lambda"), "content-length": 80_000_000 };
  const refused = await new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    const sent = request(
      { port, host: "127.0.0.1", method: "POST", path: "/2015-03-31/functions", headers, agent: false },
      (response) =>
        void response.once("data", (text: Buffer) => {
          resolve({ status: response.statusCode, text: String(text) });
          sent.destroy();
        }),
    );
    sent.on("error", reject).end(Buffer.alloc(80_000_000));
  });
  expect(refused).toEqual({
    status: 413,
    text: expect.stringContaining(
      "Request must be smaller than 70167211 bytes for the CreateFunction operation",
    ),
  });
});

test("closing twice is closing once, and the port is free afterwards", async () => {
  const first = await startLocalAws();
  await Promise.all([first.close(), first.close()]);
  const second = await startLocalAws({ port: first.port });
  await second.close();
});

test("regions are apart, and the one of a signature decides", async () => {
  const aws = await openLocalAws();
  await makeRole(aws);
  await makeFunction(aws.in("eu-central-1"), {
    FunctionName: "there",
    Role: "arn:aws:iam::000000000000:role/proxy-role",
  });
  await expect(aws.lambda.send(new GetFunctionCommand({ FunctionName: "there" }))).rejects.toMatchObject({
    name: "ResourceNotFoundException",
  });
});
