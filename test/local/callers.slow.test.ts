import {
  ApiGatewayManagementApiClient,
  DeleteConnectionCommand,
  GetConnectionCommand,
  PostToConnectionCommand,
} from "@aws-sdk/client-apigatewaymanagementapi";
import { GetApisCommand, TagResourceCommand } from "@aws-sdk/client-apigatewayv2";
import { DescribeLogGroupsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { ListRolesCommand } from "@aws-sdk/client-iam";
import {
  GetFunctionCommand,
  InvokeCommand,
  LambdaClient,
  ListFunctionsCommand,
} from "@aws-sdk/client-lambda";
import {
  AssumeRoleCommand,
  GetCallerIdentityCommand,
  GetSessionTokenCommand,
  STSClient,
} from "@aws-sdk/client-sts";
import { once } from "node:events";
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { SignatureV4 } from "@smithy/signature-v4";
import { expect, onTestFinished, test } from "vitest";
import { accessKeysOf } from "../../src/local/access-keys.ts";
import { openCallers } from "../../src/local/callers.ts";
import { newAccessKey } from "../../src/local/own-key.ts";
import { openPeers } from "../../src/local/peers.ts";
import { statedSignature } from "../../src/local/sigv4.ts";
import { readRequest } from "../../src/local/wire/http.ts";
import type { LocalAwsOptions } from "../../src/local/server.ts";
import { clientsFor, makeFunction, makeRole, openLocalAws, refusal } from "../support/local-aws.ts";
import { start } from "../support/program.ts";
import { Sha256 } from "../support/sha256.ts";
import { asOtherUser, needsRoot, unprivileged, type RequestOfOther } from "../support/other-user.ts";

const header = (service: string) => ({
  authorization:
    `AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/${service}/aws4_request, ` +
    `SignedHeaders=host, Signature=${"0".repeat(64)}`,
});
const form = { ...header("iam"), "content-type": "application/x-www-form-urlencoded" };
const json = { ...header("logs"), "content-type": "application/x-amz-json-1.1" };

const local = { accessKeyId: "local", secretAccessKey: "local" };

/** A local AWS, what it has logged, and a key of its own. */
async function watched(options: LocalAwsOptions = {}) {
  const told: string[] = [];
  const onLog = (entries: readonly { group: string; message: string }[]) =>
    told.push(...entries.filter(({ group }) => group === "local").map(({ message }) => message));
  const accessKey = newAccessKey();
  return { aws: await openLocalAws({ accessKey, onLog, ...options }), accessKey, told };
}

/** Calls that another user has no right to, one for each protocol and one for each door. */
const calls: [what: string, request: Omit<RequestOfOther, "url"> & { path: string }, name: string][] = [
  ["Lambda", { path: "/2015-03-31/functions", headers: header("lambda") }, "UnrecognizedClientException"],
  [
    "Invoke",
    { path: "/2015-03-31/functions/f/invocations", method: "POST", body: "{}", headers: header("lambda") },
    "UnrecognizedClientException",
  ],
  ["API Gateway", { path: "/v2/apis", headers: header("apigateway") }, "UnrecognizedClientException"],
  [
    "IAM",
    { path: "/", method: "POST", headers: form, body: "Action=ListRoles&Version=2010-05-08" },
    "InvalidClientTokenId",
  ],
  [
    "STS",
    {
      path: "/",
      method: "POST",
      headers: { ...form, ...header("sts") },
      body: "Action=GetCallerIdentity&Version=2011-06-15",
    },
    "InvalidClientTokenId",
  ],
  [
    "Logs",
    {
      path: "/",
      method: "POST",
      headers: { ...json, "x-amz-target": "Logs_20140328.DescribeLogGroups" },
      body: "{}",
    },
    "UnrecognizedClientException",
  ],
  ["an unknown service", { path: "/", headers: header("s3") }, "UnrecognizedClientException"],
  [
    "@connections",
    {
      path: "/a1b2c3d4e5/dev/@connections/L0SM9cOFvHcCIhw=",
      method: "POST",
      body: "x",
      headers: header("execute-api"),
    },
    "UnrecognizedClientException",
  ],
  [
    "@connections with what looks like a session",
    {
      path: "/a1b2c3d4e5/dev/@connections/L0SM9cOFvHcCIhw=",
      method: "DELETE",
      headers: {
        ...header("execute-api"),
        "x-amz-security-token": "x",
        "x-amz-date": "20260101T000000Z",
      },
    },
    "InvalidSignatureException",
  ],
];

test("F-03 another user of the machine is refused by every service, in its protocol", async (context) => {
  needsRoot(context);
  const { aws, told } = await watched();
  for (const [what, { path, ...request }, name] of calls) {
    const { status, headers, body } = await asOtherUser({ url: `${aws.url}${path}`, ...request });
    expect([what, status, `${headers["x-amzn-errortype"] ?? ""} ${body}`]).toEqual([
      what,
      403,
      expect.stringContaining(name),
    ]);
    expect(body).toContain(`the call is from another user, ${unprivileged}`);
  }
  expect(aws.calls).toEqual([]);
  expect(told).toEqual([
    `refused a call to AWS: the call is from another user, ${unprivileged}; ` +
      "`outputs --for backend --local --out FILE` writes an access key for it\n",
  ]);
});

test("F-03 root is another user to one that is not root's, unless it has the key", async (context) => {
  needsRoot(context);
  const home = join(mkdtempSync(join(tmpdir(), "callers-")), "state");
  mkdirSync(home);
  chownSync(dirname(home), unprivileged ?? 0, unprivileged ?? 0);
  chownSync(home, unprivileged ?? 0, unprivileged ?? 0);
  onTestFinished(() => rmSync(dirname(home), { recursive: true }));
  const program = start(["local", "--port", "0", "--json"], {
    input: null,
    user: unprivileged,
    env: { XDG_STATE_HOME: home },
  });
  const said = await program.says(/"kind":"ready".*\n/);
  const [, url = ""] = /"endpointUrl":"([^"]+)"/.exec(said) ?? [];
  const asks = (key: typeof local) =>
    clientsFor(url, "us-east-1", key).sts.send(new GetCallerIdentityCommand());
  await expect(asks(local)).rejects.toThrow("the call is from another user, 0");
  const file = join(home, "shelfshack-ws/local-access-key.json");
  const key = JSON.parse(readFileSync(file, "utf8")) as typeof local;
  expect(await asks(key)).toMatchObject({ Account: "000000000000" });
});

test.for(["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"])(
  "F-03 another user is told by his connection to %s, also when he leaves at once",
  async (name, context) => {
    needsRoot(context);
    const { aws } = await watched();
    const url = `http://${name}:${aws.port}/2015-03-31/functions`;
    const headers = { ...header("lambda"), host: `127.0.0.1:${aws.port}` };
    expect((await asOtherUser({ url, headers })).status).toBe(403);
    const created = { url, headers, method: "POST", body: '{"FunctionName":"f"}', leaves: true };
    expect((await asOtherUser(created)).status).toBe(0);
    expect((await fetch(url.replace(/\[.*\]/, "127.0.0.1"), { headers: header("lambda") })).status).toBe(200);
    expect(aws.calls.map(({ operation }) => operation)).toEqual(["ListFunctions"]);
  },
);

test("F-03 clients of a WebSocket may be of any user", async (context) => {
  needsRoot(context);
  const { aws } = await watched();
  const upgrade = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
  };
  const asked = { url: `${aws.url}/a1b2c3d4e5/dev`, headers: upgrade };
  // There is no such API: refused as any client is, by the gateway.
  const answers = [await asOtherUser(asked), await fetchUpgrade(asked)].map(({ status, body }) => [
    status,
    body,
  ]);
  expect(answers[0]).toEqual(answers[1]);
});

const fetchUpgrade = async ({ url, headers }: RequestOfOther) => {
  const { get } = await import("node:http");
  return await new Promise<{ status: number; body: string }>((resolve) =>
    get(url, { headers }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    }),
  );
};

/** A request with its signature, as clients in other languages make it. */
async function signedBy(
  key: { accessKeyId: string; secretAccessKey: string; sessionToken?: string },
  { url, method = "GET", body = "", service = "lambda" }: RequestOfOther & { service?: string },
): Promise<RequestOfOther> {
  const { host, hostname, port, pathname, searchParams } = new URL(url);
  const signer = new SignatureV4({ service, region: "us-east-1", credentials: key, sha256: Sha256 });
  const { headers } = await signer.sign({
    protocol: "http:",
    hostname,
    port: Number(port),
    method,
    path: pathname,
    query: Object.fromEntries(searchParams),
    headers: { host },
    body,
  });
  return { url, method, body, headers };
}

const api = (name: string) =>
  JSON.stringify({ name, protocolType: "WEBSOCKET", routeSelectionExpression: "$request.body.action" });

test("F-03 another user with the key may call, and nothing of a call can be changed", async (context) => {
  needsRoot(context);
  const { aws, accessKey } = await watched();
  const list = await signedBy(accessKey, { url: `${aws.url}/2015-03-31/functions?MaxItems=5&Marker=a%20b` });
  expect((await asOtherUser(list)).status).not.toBe(403);
  const post = { url: `${aws.url}/v2/apis`, method: "POST", body: api("n"), service: "apigateway" };
  const create = await signedBy(accessKey, post);
  const old = { ...create.headers, "x-amz-date": "20200101T000000Z" };
  const changed: [what: string, request: RequestOfOther][] = [
    ["the body", { ...create, body: api("m") }],
    ["the path", { ...list, url: list.url.replace("functions", "event-source-mappings") }],
    ["the query", { ...list, url: list.url.replace("MaxItems=5", "MaxItems=6") }],
    ["a parameter more", { ...list, url: `${list.url}&X=1` }],
    ["the method", { ...list, method: "DELETE" }],
    ["the host", { ...list, headers: { ...list.headers, host: `localhost:${aws.port}` } }],
    ["the time", { ...create, headers: old }],
    ["another secret", await signedBy({ ...accessKey, secretAccessKey: "x" }, post)],
    ["another key", await signedBy({ ...accessKey, accessKeyId: "AKIAIOSFODNN7EXAMPLE" }, post)],
    ["a token", await signedBy({ ...accessKey, sessionToken: "x" }, post)],
  ];
  for (const [what, request] of changed)
    expect([what, (await asOtherUser(request)).status]).toEqual([what, 403]);
  expect((await asOtherUser(create)).status).toBe(201);
});

/** Clients of every service with these credentials. */
function signing(aws: { url: string }, credentials: Parameters<typeof signedBy>[0]) {
  const config = { endpoint: aws.url, region: "us-east-1", maxAttempts: 1, credentials };
  const clients = {
    ...clientsFor(aws.url, "us-east-1", credentials),
    management: new ApiGatewayManagementApiClient({ ...config, endpoint: `${aws.url}/a1b2c3d4e5/dev` }),
  };
  onTestFinished(() => clients.management.destroy());
  return clients;
}

test("F-03 with verified signatures every service takes its own keys, and no others", async () => {
  const { aws, accessKey, told } = await watched({ verifySignatures: true });
  const ConnectionId = "L0SM9cOFvHcCIhw=";
  const statuses = async (credentials: Parameters<typeof signedBy>[0]) => {
    const { lambda, apigatewayv2, iam, sts, logs, management } = signing(aws, credentials);
    const ResourceArn = "arn:aws:apigateway:us-east-1::/apis/a1b2c3d4e5";
    const answers = await Promise.all(
      [
        lambda.send(new ListFunctionsCommand({ Marker: "a b/c=+&", MaxItems: 1 })),
        lambda.send(
          new GetFunctionCommand({ FunctionName: "arn:aws:lambda:us-east-1:000000000000:function:f" }),
        ),
        apigatewayv2.send(new GetApisCommand({})),
        apigatewayv2.send(new TagResourceCommand({ ResourceArn, Tags: { "a b": "ü" } })),
        iam.send(new ListRolesCommand({ PathPrefix: "/a+b/" })),
        sts.send(new GetCallerIdentityCommand({})),
        logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: "ü" })),
        management.send(new PostToConnectionCommand({ ConnectionId, Data: Buffer.from("ü") })),
        management.send(new GetConnectionCommand({ ConnectionId })),
        management.send(new DeleteConnectionCommand({ ConnectionId })),
      ].map((call) => refusal(call).catch(() => ({ name: "taken" }))),
    );
    return answers.map(({ name }) => name);
  };
  const ours = await statuses(accessKey);
  expect(ours.filter((name) => /Signature|Client/.test(name))).toEqual([]);
  expect(await statuses({ ...accessKey, secretAccessKey: "x" })).toEqual(
    ours.map((_, call) => (call === 4 || call === 5 ? "SignatureDoesNotMatch" : "InvalidSignatureException")),
  );
  expect(await statuses({ accessKeyId: "local", secretAccessKey: "local" })).toEqual(
    ours.map((_, call) =>
      call === 4 || call === 5 ? "InvalidClientTokenId" : "UnrecognizedClientException",
    ),
  );
  expect(told).toEqual([expect.stringContaining("signatures are verified")]);
});

test("F-03 sessions that STS and functions have are known; made-up ones are not", async () => {
  const { aws, accessKey } = await watched({ verifySignatures: true });
  const { sts, ...user } = signing(aws, accessKey);
  const RoleArn = await makeRole({ sts, ...user });
  const given = [
    await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "session" })),
    await sts.send(new GetSessionTokenCommand({})),
  ];
  const identity = async (credentials: Parameters<typeof signedBy>[0]) => {
    const client = new STSClient({ endpoint: aws.url, region: "us-east-1", maxAttempts: 1, credentials });
    onTestFinished(() => client.destroy());
    return (await client.send(new GetCallerIdentityCommand({}))).Arn;
  };
  const sessions = given.map(({ Credentials }) => ({
    accessKeyId: Credentials?.AccessKeyId ?? "",
    secretAccessKey: Credentials?.SecretAccessKey ?? "",
    sessionToken: Credentials?.SessionToken ?? "",
  }));
  expect(await Promise.all(sessions.map(identity))).toEqual([
    "arn:aws:sts::000000000000:assumed-role/proxy-role/session",
    "arn:aws:iam::000000000000:user/local",
  ]);
  const [session, other] = sessions;
  if (!session || !other) throw new Error("no sessions");
  for (const made of [
    { ...session, secretAccessKey: accessKey.secretAccessKey },
    { ...session, sessionToken: other.sessionToken },
    { ...session, accessKeyId: other.accessKeyId },
    { ...accessKey, sessionToken: session.sessionToken },
  ])
    expect((await refusal(identity(made))).name).toBe("SignatureDoesNotMatch");

  // What a function signs with, it has from its environment.
  const source = `export const handler = async () => ({
    accessKeyId: process.env.AWS_ACCESS_KEY_ID,
    secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
    sessionToken: process.env.AWS_SESSION_TOKEN,
  });`;
  await makeFunction({ sts, ...user }, { source, Role: RoleArn });
  const { Payload } = await user.lambda.send(new InvokeCommand({ FunctionName: "proxy" }));
  const own = JSON.parse(Buffer.from(Payload ?? []).toString()) as Parameters<typeof signedBy>[0];
  expect(await identity(own)).toBe("arn:aws:sts::000000000000:assumed-role/proxy-role/proxy");
});

test("F-03 a session stays one, wherever and however often its token is put", async () => {
  const { aws } = await watched({ verifySignatures: true, accessKey: local });
  const { sts, lambda } = aws;
  const RoleArn = await makeRole(aws);
  const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "session" }));
  const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = Credentials ?? {};
  const session = {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
  };
  const url = `${aws.url}/2015-03-31/functions/f/invocations`;
  const token = `X-Amz-Security-Token=${encodeURIComponent(SessionToken)}`;
  const ask = async (key: Parameters<typeof signedBy>[0], at: string, more: Record<string, string>) => {
    const { method = "", headers = {} } = await signedBy(key, { url: at, method: "POST" });
    const sent = Object.entries({ ...headers, ...more }).filter(([name]) => name !== "host");
    return (await fetch(at, { method, headers: sent })).headers.get("x-amzn-errortype");
  };
  const { sessionToken: _none, ...withoutToken } = session;
  expect([
    await ask(session, url, {}),
    await ask(withoutToken, `${url}?${token}`, {}),
    await ask(session, url, { "x-amz-security-token": `${SessionToken}, x` }),
    await ask(session, `${url}?${token}`, {}),
  ]).toEqual([
    "AccessDeniedException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "AccessDeniedException",
  ]);
  expect((await refusal(lambda.send(new InvokeCommand({ FunctionName: "f" })))).name).toBe(
    "ResourceNotFoundException",
  );
});

test("F-03 a presigned call is good for as long as it says", async () => {
  const { aws, accessKey } = await watched({ verifySignatures: true });
  const signer = new SignatureV4({
    service: "execute-api",
    region: "us-east-1",
    credentials: accessKey,
    sha256: Sha256,
  });
  const status = async (secondsAgo: number, more = "") => {
    const { hostname, port, host } = new URL(aws.url);
    const request = await signer.presign(
      {
        protocol: "http:",
        hostname,
        port: Number(port),
        method: "GET",
        path: "/a1b2c3d4e5/dev/@connections/L0SM9cOFvHcCIhw%3D",
        query: {},
        headers: { host },
      },
      { expiresIn: 600, signingDate: new Date(Date.now() - secondsAgo * 1000) },
    );
    const query = new URLSearchParams(request.query as Record<string, string>);
    const answer = await fetch(`${aws.url}${request.path}?${query.toString()}${more}`);
    return answer.headers.get("x-amzn-errortype");
  };
  // There is no such stage, which is said only to those who may ask.
  expect([await status(0), await status(590), await status(610), await status(0, "&x=1")]).toEqual([
    "ForbiddenException",
    "ForbiddenException",
    "InvalidSignatureException",
    "InvalidSignatureException",
  ]);
});

test("F-03 where the system does not tell users, a call is taken with the key alone", async () => {
  const accessKey = newAccessKey();
  const told: string[] = [];
  const nowhere = openPeers({ ipv4: "/nonexistent/tcp", ipv6: "/nonexistent/tcp6" });
  const keys = accessKeysOf(accessKey);
  const callers = openCallers({
    keys,
    peers: nowhere,
    verifySignatures: false,
    tell: (line) => void told.push(line),
  });
  const server = createServer((request, response) => {
    const body = async () => (await readRequest(request))?.body;
    void callers.doubt(request, body).then((doubt) => response.end(doubt?.about ?? "taken"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => server.close().closeAllConnections());
  const { port } = server.address() as AddressInfo;
  expect(await nowhere.tellsUsers(port)).toBe(false);
  const say = async ({ url, headers = {} }: RequestOfOther) => {
    const { host: _host, ...sent } = headers;
    return await (await fetch(url, { headers: sent })).text();
  };
  const url = `http://127.0.0.1:${port}/v2/apis`;
  expect(await say({ url, headers: header("apigateway") })).toBe("key");
  expect(await say(await signedBy(accessKey, { url }))).toBe("taken");
  expect(await say(await signedBy({ ...accessKey, secretAccessKey: "x" }, { url }))).toBe("signature");
  expect(told).toEqual([expect.stringContaining("it cannot be told which user the call is from")]);
});

test("F-03 a peer that left while the list was read has no user", async (context) => {
  context.skip(process.platform !== "linux", "only Linux tells which user a connection is of");
  const folder = mkdtempSync(join(tmpdir(), "peers-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const list = join(folder, "tcp");
  const peers = openPeers({ ipv4: list, ipv6: "/nonexistent/tcp6" });
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const connection = async () => {
    const accepted = once(server, "connection") as Promise<[Socket]>;
    const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
    onTestFinished(() => void client.destroy());
    const [[socket]] = await Promise.all([accepted, once(client, "connect")]);
    socket.on("error", () => {});
    return { client, socket };
  };
  const staying = await connection();
  const leaving = await connection();
  writeFileSync(list, readFileSync("/proc/net/tcp"));
  expect(await peers.userOf(staying.socket)).toBe(process.geteuid?.());
  leaving.client.resetAndDestroy();
  await once(leaving.client, "close");
  expect(await peers.userOf(leaving.socket)).toBe(undefined);
});

test.each([
  ["all users", "0 0 4294967295", 1_000, "the user"],
  ["all users", "0 0 4294967295", 65_534, "the user"],
  ["some users", "0 100000 65536", 1_000, "the user"],
  ["some users", "0 100000 65536", 65_534, "unknown"],
  ["two ranges of users", "0 1000 1\n1 100000 65536", 65_534, "unknown"],
  ["all users in two ranges", "0 0 1000\n1000 1000 4294966295", 65_534, "the user"],
  ["no user", "", 65_534, "unknown"],
] as const)("F-03 where the namespace knows %s (%s), %i is %s", async (_what, map, user, expected) => {
  const folder = mkdtempSync(join(tmpdir(), "peers-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const ipv4 = join(folder, "tcp");
  const users = { mapped: join(folder, "uid_map"), overflow: join(folder, "overflowuid") };
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  onTestFinished(() => void client.destroy());
  const [[socket]] = await Promise.all([accepted, once(client, "connect")]);
  const end = (port = 0) => `0100007F:${port.toString(16).padStart(4, "0").toUpperCase()}`;
  const ends = `${end(client.localPort)} ${end(client.remotePort)}`;
  writeFileSync(ipv4, `   0: ${ends} 01 00000000:00000000 00:00000000 00000000 ${user} 0 4711 1`);
  writeFileSync(users.mapped, `${map}\n`);
  writeFileSync(users.overflow, "65534\n");
  const peers = openPeers({ ipv4, ipv6: "/nonexistent/tcp6" }, users);
  expect(await peers.userOf(socket)).toBe(expected === "the user" ? user : undefined);
});

test.each([
  ["many names", Array.from({ length: 100 }, (_, at) => `h${at}`)],
  ["one name twice", ["x", "x"]],
])("a signature over %s is none: each is looked for among all headers", (_, names) => {
  const stated = (signed: string[]) => {
    const authorization = header("lambda").authorization.replace("=host", `=host;${signed.join(";")}`);
    return statedSignature({
      url: "/",
      rawHeaders: ["authorization", authorization, "x-amz-date", "20260101T000000Z"],
    });
  };
  expect(stated(names.slice(1))).toMatchObject({ names: ["host", ...names.slice(1)] });
  expect(stated(names)).toBe(undefined);
});

test.each(["any", "local"])(
  "calls of our own user over one connection are all taken, also with %s credentials",
  async (accessKeyId) => {
    const { aws } = await watched({ accessKey: local });
    const client = new LambdaClient({
      endpoint: aws.url,
      region: "us-east-1",
      credentials: { accessKeyId, secretAccessKey: accessKeyId },
    });
    onTestFinished(() => client.destroy());
    for (let call = 0; call < 20; call++) await client.send(new ListFunctionsCommand({}));
    expect(aws.calls).toHaveLength(20);
  },
);
