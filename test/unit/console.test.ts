import { expect, test } from "vitest";
import { redacted } from "../../src/console/redact.ts";
import { createRing } from "../../src/console/ring.ts";

test.each([
  ['{"body":"x","token":"abc"}', '{"body":"x","token":"***"}'],
  ['{"accessToken": "a\\"b", "n": 1}', '{"accessToken": "***", "n": 1}'],
  ['{"Authorization":"Bearer abc', '{"Authorization":"***"'],
  [String.raw`{"inner":"{\"password\":\"p\"}"}`, String.raw`{"inner":"{\"password\":\"***\"}"}`],
  ["Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "Bearer ***"],
  ["SIGNING_KEYS is whsec_a2V5", "SIGNING_KEYS is ***"],
  ["GET /dev?booking_id=1&token=abc HTTP", "GET /dev?booking_id=1&token=*** HTTP"],
  ["AWS_SESSION_TOKEN=abc/+= next", "AWS_SESSION_TOKEN=*** next"],
  ['{"body":"my token is lost"}', '{"body":"my token is lost"}'],
])("the console shows %s as %s", (text, shown) => {
  expect(redacted(text)).toBe(shown);
});

test("a ring keeps the newest up to its size, and says what made room", () => {
  const dropped: number[] = [];
  const ring = createRing<number>(10_000, (item) => dropped.push(item));
  for (let item = 0; item < 1_000; item++) ring.add(item, 936);
  // Each costs 64 bytes more than its text.
  expect([...ring.items()]).toEqual([990, 991, 992, 993, 994, 995, 996, 997, 998, 999]);
  expect(dropped).toHaveLength(990);
  ring.add(1_000, 20_000);
  expect([...ring.items()]).toEqual([]);
  ring.add(1_001, 1);
  ring.clear();
  ring.add(1_002, 1);
  expect([...ring.items()]).toEqual([1_002]);
});
