import { X509Certificate } from "node:crypto";
import { request } from "node:https";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { WebSocket } from "ws";
import { expect, test } from "vitest";
import { newCertificate } from "../../src/local/certificate.ts";
import { openLocalAws } from "../support/local-aws.ts";

test("the certificate is for the names of events and this machine, from an authority of its own", () => {
  const { cert, authority } = newCertificate(["*.execute-api.localhost"], [Buffer.from([127, 0, 0, 1])]);
  const [own, root] = [new X509Certificate(cert), new X509Certificate(authority)];
  expect(own.checkHost("a1b2c3d4e5.execute-api.localhost")).toBeDefined();
  expect(own.checkHost("execute-api.us-east-1.amazonaws.com")).toBeUndefined();
  expect(own.checkIP("127.0.0.1")).toBe("127.0.0.1");
  expect(own.verify(root.publicKey) && own.checkIssued(root) && root.ca && !own.ca).toBe(true);
  // A clock that is a day behind.
  expect(Date.parse(own.validFrom)).toBeLessThan(Date.now() - 23 * 60 * 60 * 1_000);
});

test("HTTP and TLS share the port, for requests, for WebSockets, and for what is neither", async () => {
  const { port } = await openLocalAws();
  const [plain, secure] = [`http://127.0.0.1:${port}`, `https://127.0.0.1:${port}`];
  const status = (url: string) =>
    new Promise((resolve, reject) =>
      request(url, { rejectUnauthorized: false }, ({ statusCode }) => resolve(statusCode))
        .on("error", reject)
        .end(),
    );
  const answer = (await fetch(plain)).status;
  expect(await status(secure)).toBe(answer);

  const socket = new WebSocket(`${secure.replace("http", "ws")}/abc/dev`, { rejectUnauthorized: false });
  const refused = new Promise((resolve, reject) =>
    socket.once("error", reject).once("unexpected-response", (asked, { statusCode }) => {
      asked.destroy();
      resolve(statusCode);
    }),
  );
  expect(await refused).toBe(403);

  // A client that does not trust it, and one that speaks nothing known.
  const distrust = connectTls({ port, host: "127.0.0.1", servername: "localhost" });
  await expect(new Promise((_resolve, reject) => distrust.once("error", reject))).rejects.toMatchObject({
    code: expect.stringMatching(/SELF_SIGNED|UNABLE_TO/),
  });
  const other = connect(port, "127.0.0.1").on("error", () => undefined);
  other.write("\u0016GET / HTTP/1.1\r\n\r\n");
  await new Promise((resolve) => other.once("close", resolve));
  // One that says nothing, and one that only begins a handshake, do not delay the end.
  for (const begun of ["", "\u0016\u0003"])
    await new Promise<void>((resolve) => {
      const silent = connect(port, "127.0.0.1", () => silent.write(begun, () => resolve()));
      silent.on("error", () => undefined);
    });
  expect((await fetch(plain)).status).toBe(answer);
});
