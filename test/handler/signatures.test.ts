import fc from "fast-check";
import { SignatureV4 } from "@smithy/signature-v4";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { createSigner, encodeSegment } from "../../handler/sigv4.ts";
import { signingKeys, webhookSignature } from "../../handler/webhook.ts";
import { Sha256 } from "../support/sha256.ts";
import { signingKey } from "../support/test-handler.ts";

const credentials = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  sessionToken: "SESSIONTOKENEXAMPLE",
};
const now = new Date("2015-08-30T12:36:00Z");

test.each([
  [
    "L0SM9cOFvHcCIhw=",
    "/prod/@connections/L0SM9cOFvHcCIhw%3D",
    "3221325efe3c6b48da5b131572a979731feded5aa8147cae6f44137409f7995a",
  ],
  [
    "abc/def+gh=",
    "/prod/@connections/abc%2Fdef%2Bgh%3D",
    "45db726f58e3f8bac79dfb8ad0bb3d89a5dada0b325a398ea9c0e4cd9281f7e6",
  ],
  ["a b", "/prod/@connections/a%20b", "042ed2ed081cd2914761ac18963863a5517b7ebc0eab42605d960a8b3e79fe37"],
])("signs a post to connection %s as three other implementations do", (id, path, signature) => {
  const sign = createSigner("execute-api", "us-east-1", credentials);
  expect(`/prod/@connections/${encodeSegment(id)}`).toBe(path);
  const host = "abc123.execute-api.us-east-1.amazonaws.com";
  const headers = sign({ method: "POST", host, path, body: '{"type":"pong","n":1}' }, now);
  expect(headers).toEqual({
    "x-amz-date": "20150830T123600Z",
    "x-amz-security-token": "SESSIONTOKENEXAMPLE",
    authorization:
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, " +
      `SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=${signature}`,
  });
});

test("signs anything as @smithy/signature-v4 does, on every day", async () => {
  const own = createSigner("lambda", "eu-west-1", credentials);
  const oracle = new SignatureV4({
    service: "lambda",
    region: "eu-west-1",
    credentials,
    sha256: Sha256,
    applyChecksum: false,
  });
  const segment = fc.stringMatching(/^[^.]+$/).map(encodeSegment);
  const day = fc.date({ min: new Date("2020-01-01"), max: new Date("2040-01-01"), noInvalidDate: true });
  await fc.assert(
    fc.asyncProperty(
      fc.array(segment, { minLength: 1 }),
      fc.string(),
      fc.boolean(),
      day,
      async (segments, body, invokes, when) => {
        const path = `/${segments.join("/")}`;
        const extra: Record<string, string> = invokes ? { "x-amz-invocation-type": "Event" } : {};
        const request = {
          method: "POST",
          protocol: "http:",
          hostname: "127.0.0.1",
          port: 4566,
          path,
          body,
          query: {},
        };
        const expected = await oracle.sign(
          { ...request, headers: { host: "127.0.0.1:4566", ...extra } },
          { signingDate: when },
        );
        const { host: _host, ...headers } = expected.headers;
        expect(own({ method: "POST", host: "127.0.0.1:4566", path, body, headers: extra }, when)).toEqual(
          headers,
        );
      },
    ),
    { numRuns: 500 },
  );
});

test.each([
  [
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    1614265330,
    '{"test": 2432232314}',
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  ],
  [
    signingKey,
    "msg_1",
    1700000000,
    '{"path":"/api/ws/message","connection_id":"C=","body":"hi"}',
    "v1,7E3ap/MU73dmeF1jf+EYhGAK3A4C/13pGIaHBFV103g=",
  ],
])("signs a request to the backend by the vector of %s", (key, id, timestamp, body, signature) => {
  expect(webhookSignature(signingKeys(key) ?? [], id, timestamp, body)).toBe(signature);
});

test("signs anything as standardwebhooks does, with one key or two", () => {
  const bytes = fc
    .uint8Array({ minLength: 24, maxLength: 64 })
    .map((key) => `whsec_${Buffer.from(key).toString("base64")}`);
  const seconds = fc.integer({ min: 1_000_000_000, max: 4_000_000_000 });
  fc.assert(
    fc.property(
      fc.array(bytes, { minLength: 1, maxLength: 2 }),
      seconds,
      fc.string({ unit: "binary" }),
      (keys, timestamp, body) => {
        const expected = keys
          .map((key) => new Webhook(key).sign("msg_m_1=", new Date(timestamp * 1000), body))
          .join(" ");
        expect(webhookSignature(signingKeys(keys.join(",")) ?? [], "msg_m_1=", timestamp, body)).toBe(
          expected,
        );
      },
    ),
    { numRuns: 1000 },
  );
});

test("H-31 a signing key that is none is refused", () => {
  const short = `whsec_${Buffer.alloc(23).toString("base64")}`;
  const long = `whsec_${Buffer.alloc(65).toString("base64")}`;
  for (const text of [
    "",
    ",",
    " \n, ",
    "secret",
    "whsec_",
    "whsec_not base64",
    "whsec_ab-_",
    short,
    long,
    `${signingKey}x`,
    Array(3).fill(signingKey).join(),
  ]) {
    expect(signingKeys(text), text).toBeUndefined();
  }
  expect(signingKeys(`${signingKey}, ${signingKey}`)).toHaveLength(2);
});
