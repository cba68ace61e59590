import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { connect, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { Tunnel } from "../../src/network/tunnel.ts";
import { authority, signedCertificate, signedKey } from "../support/authority.ts";
import { connectProxy } from "../support/connect-proxy.ts";
import { silentServer, tcpServer } from "../support/handshake-server.ts";
import { openLocalAws, policy } from "../support/local-aws.ts";
import { errorCode, run } from "../support/program.ts";
import { CreateRoleCommand } from "@aws-sdk/client-iam";

/** Who answers as AWS, in a network that only a proxy leads out of: no name server knows it. */
const host = "aws.example.test";

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "shelfshack-ws-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A local AWS behind TLS, with a certificate of a private authority, whose bundle is a file. */
async function awsBehindTls() {
  const local = await openLocalAws({ allowHosts: [host, "localhost"] });
  const sockets = new Set<Socket>();
  const server = createServer({ cert: signedCertificate, key: signedKey }, (socket) => {
    const onward = connect(local.port, "127.0.0.1");
    socket.pipe(onward).pipe(socket);
    for (const one of [socket, onward]) {
      sockets.add(one);
      one.on("error", () => one.destroy());
      one.on("close", () => (socket.destroy(), onward.destroy()));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const bundle = join(await folder(), "ca.pem");
  await writeFile(bundle, authority, { mode: 0o600 });
  return { local, port, bundle };
}

const credentials = { AWS_REGION: "us-east-1", AWS_ACCESS_KEY_ID: "local", AWS_SECRET_ACCESS_KEY: "local" };
const list = ["status", "--json"];

test("F-09 AWS calls go through HTTPS_PROXY, with the certificates of AWS_CA_BUNDLE", async () => {
  const { local, port, bundle } = await awsBehindTls();
  const proxy = await connectProxy({ target: `https://127.0.0.1:${port}` });
  const env = {
    ...credentials,
    AWS_ENDPOINT_URL: `https://${host}`,
    HTTPS_PROXY: proxy.url.replace("http://", "me:s3%20cr3t@"),
    AWS_CA_BUNDLE: bundle,
  };
  const deploy = [
    "deploy",
    "--no-test",
    "--backend-url",
    "https://backend.example.test",
    "--json",
    "--debug",
  ];
  const { code, stdout, stderr } = await run(deploy, { env });
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { kind: "result" }]);
  const authorization = `Basic ${Buffer.from("me:s3 cr3t").toString("base64")}`;
  expect(new Set(proxy.asked.map((asked) => JSON.stringify(asked)))).toEqual(
    new Set([JSON.stringify({ host: `${host}:443`, authorization })]),
  );
  // Calls one after the other share a tunnel.
  expect(proxy.asked.length).toBeLessThan(local.calls.length / 2);
  expect(stdout + stderr).not.toMatch(/s3(%20| )cr3t/);
  const untrusted = await run(list, { env: { ...env, AWS_CA_BUNDLE: "" } });
  expect([untrusted.code, JSON.parse(untrusted.stdout)]).toMatchObject([
    1,
    { error: { code: "certificate-invalid", hint: expect.stringContaining("AWS_CA_BUNDLE") } },
  ]);
});

test("F-09 NO_PROXY and this machine are reached directly", async () => {
  const { local, port, bundle } = await awsBehindTls();
  const proxy = await connectProxy({ status: 403 });
  const env = { ...credentials, https_proxy: proxy.url, HTTP_PROXY: proxy.url, AWS_CA_BUNDLE: bundle };
  const codeAt = async (url: string, more: Record<string, string> = {}) => {
    const ended = await run(list, { env: { ...env, AWS_ENDPOINT_URL: url, ...more } });
    return ended.code === 3 ? "answered" : errorCode(ended);
  };
  expect(await codeAt(`https://localhost:${port}`)).toBe("answered");
  expect(await codeAt(local.url)).toBe("answered");
  const unknown = expect.stringMatching(/^(host-not-found|name-server-failed)$/);
  expect(await codeAt(`https://${host}`, { NO_PROXY: "other, .example.test" })).toEqual(unknown);
  expect(await codeAt(`https://${host}:8443`, { NO_PROXY: `${host}:8443` })).toEqual(unknown);
  expect(proxy.asked).toEqual([]);
  expect(await codeAt(`https://${host}`, { NO_PROXY: `${host}:8443` })).toBe("proxy-refused");
  expect(await codeAt(`http://${host}:8080`)).toBe("proxy-refused");
});

test("F-09 the credentials of a role are asked for through the proxy as well", async () => {
  const { local, port, bundle } = await awsBehindTls();
  const proxy = await connectProxy({ target: `https://127.0.0.1:${port}` });
  const trust = policy({ Principal: { AWS: "*" }, Action: "sts:AssumeRole" });
  const { Role } = await local.iam.send(
    new CreateRoleCommand({ RoleName: "deployer", AssumeRolePolicyDocument: trust }),
  );
  const config = join(await folder(), "config");
  await writeFile(
    config,
    `[profile own]\nrole_arn = ${Role?.Arn}\ncredential_source = Environment\nregion = us-east-1\n`,
  );
  const env = {
    AWS_CONFIG_FILE: config,
    AWS_ENDPOINT_URL: `https://${host}`,
    AWS_PROFILE: "own",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
    HTTPS_PROXY: proxy.url,
    AWS_CA_BUNDLE: bundle,
  };
  const ended = await run(list, { env });
  expect(local.calls.map(({ operation }) => operation)).toContain("AssumeRole");
  expect([ended.code, JSON.parse(ended.stdout)]).toMatchObject([3, { kind: "result" }]);
});

test("F-09 what fails at the proxy is said of the proxy, without its password", async () => {
  const secret = "me:s3cr3t@";
  const behind = async (proxy: string) => {
    const env = { ...credentials, AWS_ENDPOINT_URL: `https://${host}`, HTTPS_PROXY: proxy };
    const { code, stdout, stderr } = await run([...list, "--debug"], { env });
    expect(stdout + stderr).not.toContain("s3cr3t");
    return [code, (JSON.parse(stdout) as { error: { code: string; message: string } }).error];
  };
  const at = (url: string) => url.replace(/^\w+:\/\//, `http://${secret}`);
  const [refused, login] = await Promise.all([connectProxy({ status: 403 }), connectProxy({ status: 407 })]);
  expect(await behind(at(refused.url))).toMatchObject([
    1,
    { code: "proxy-refused", message: expect.stringContaining(`made no tunnel to ${host}:443 (HTTP 403)`) },
  ]);
  expect(await behind(at(login.url))).toMatchObject([
    1,
    { code: "proxy-login-needed", message: expect.stringContaining(new URL(login.url).host) },
  ]);
  expect(await behind(at("http://127.0.0.1:1"))).toMatchObject([
    1,
    {
      code: "connection-refused",
      message: expect.stringContaining("the proxy 127.0.0.1:1 refused"),
      hint: expect.stringContaining("HTTPS_PROXY"),
    },
  ]);
  const noProxy = await tcpServer((socket) => socket.end("220 mail.example.test\r\n\r\n"));
  expect(await behind(at(noProxy))).toMatchObject([
    1,
    { code: "not-http", message: expect.stringMatching(/^the proxy .* does not speak HTTP/) },
  ]);
  expect(await behind(`socks5://${secret}127.0.0.1:1`)).toMatchObject([2, { code: "value-invalid" }]);
  expect(await behind("http://me:s3cr3t%zz@127.0.0.1:1")).toMatchObject([2, { code: "value-invalid" }]);
});

test("a proxy that does not answer is given up, and named", async () => {
  const proxy = new URL((await silentServer()).replace("ws:", "http:"));
  const agent = new Tunnel({ proxy, ca: undefined, timeoutMs: 50 });
  onTestFinished(() => agent.destroy());
  const asked = request({ host, path: "/", agent });
  asked.end();
  const [error] = await once(asked, "error");
  expect(error).toMatchObject({ name: "TimeoutError", proxy: proxy.host, hostname: host });
});
