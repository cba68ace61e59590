import fc from "fast-check";
import { expect, test } from "vitest";
import { redactUrl } from "../../src/settings/redact.ts";

test.each([
  ["https://api.example.com", "https://api.example.com"],
  ["http://127.0.0.1:4566/a1/dev/@connections/C1=", "http://127.0.0.1:4566/a1/dev/@connections/C1="],
  ["https://bob:s3cret@h/v1", "https://***@h/v1"],
  ["https://bob:p@ssw0rd@h", "https://***@h"],
  ["https://bob:pa/ss@h", "https://***@h"],
  ["https://bob:1/ss@h", "https://***@h"],
  ["https://bob:pa?ss@h", "https://***"],
  ["bob:pw@h:8000", "***@h:8000"],
  ["api.example.com?token=SECRET", "api.example.com?token=***"],
  [
    "wss://h/dev?booking_id=1&type=chat&token=a%40b&SECRET",
    "wss://h/dev?booking_id=1&type=chat&token=***&***",
  ],
  ["wss://h/dev?token=a@b", "wss://h/dev?***"],
  ["https://h/#access_token=SECRET", "https://h/#***"],
  ["../x", "../x"],
])("C-04 %s is shown as %s", (url, shown) => {
  expect(redactUrl(url)).toBe(shown);
});

test("C-04 a password is never shown, whatever characters it has", () => {
  const password = fc
    .string({ unit: fc.constantFrom(..."@/?#:\\%&=. ".split("")) })
    .map((around) => `${around}canary${around}`);
  fc.assert(
    fc.property(password, (secret) => {
      for (const url of [
        `https://bob:${secret}@h/v1`,
        `bob:${secret}@h`,
        `wss://h/dev?token=${encodeURIComponent(secret)}`,
      ])
        expect(redactUrl(url)).not.toContain("canary");
    }),
    { numRuns: 5_000 },
  );
});
