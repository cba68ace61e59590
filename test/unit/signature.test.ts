import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { fingerprint, newSigningKey, webhookSignature } from "../../src/contract/signature.ts";
import { signingKeysIn } from "../../src/aws/signing-keys.ts";

test("the signature is that of the published vectors", () => {
  const key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  expect(webhookSignature([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, '{"test": 2432232314}')).toBe(
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  );
  const other = `whsec_${Buffer.from("k".repeat(32)).toString("base64")}`;
  const body = '{"path":"/api/ws/message","connection_id":"C=","body":"hi"}';
  expect(webhookSignature([other], "msg_1", 1_700_000_000, body)).toBe(
    "v1,7E3ap/MU73dmeF1jf+EYhGAK3A4C/13pGIaHBFV103g=",
  );
});

test("H-32 with two keys both sign, as the standard's own library sees it", () => {
  const [newer, older] = [newSigningKey(), newSigningKey()];
  const seconds = Math.floor(Date.now() / 1_000);
  const headers = {
    "webhook-id": "msg_1",
    "webhook-timestamp": String(seconds),
    "webhook-signature": webhookSignature([newer, older], "msg_1", seconds, '{"a":1}'),
  };
  for (const key of [newer, older]) expect(new Webhook(key).verify('{"a":1}', headers)).toEqual({ a: 1 });
  expect(() => new Webhook(newSigningKey()).verify('{"a":1}', headers)).toThrow(/signature/i);
});

test("one or two keys are read, separated by commas or blanks", () => {
  const [one, two] = [newSigningKey(), newSigningKey()];
  expect(signingKeysIn("", "X")).toEqual([]);
  expect(signingKeysIn(` ${one}\n`, "X")).toEqual([one]);
  expect(signingKeysIn(`${one}, ${two}`, "X")).toEqual([one, two]);
});

const long = (bytes: number) => `whsec_${Buffer.alloc(bytes, 7).toString("base64")}`;
test.each([
  ["no prefix", Buffer.alloc(32).toString("base64")],
  ["too short", long(23)],
  ["too long", long(65)],
  ["not base64", "whsec_§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§"],
  ["three of them", [long(24), long(32), long(64)].join(",")],
])("C-05 a text that is not keys is refused without showing it: %s", (_what, words) => {
  expect(() => signingKeysIn(words, "SIGNING_KEYS")).toThrow(
    /^SIGNING_KEYS does not hold one or two signing keys$/,
  );
});

test("a fingerprint is of the key's text and says nothing else about it", () => {
  expect(fingerprint("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).toMatch(/^[0-9a-f]{12}$/);
  expect(fingerprint(newSigningKey())).not.toBe(fingerprint(newSigningKey()));
});
