import { expect, test } from "vitest";
import { isAllowedOrigin } from "../../src/local/allowed-hosts.ts";

const hosts: [host: string, isAllowed: boolean][] = [
  ["localhost:4566", true],
  ["LOCALHOST:4566", true],
  ["127.0.0.1:4566", true],
  ["[::1]:4566", true],
  ["abc123def4.execute-api.localhost:4566", true],
  ["my.box:4566", true],
  ["", false],
  ["localhost", false],
  ["localhost:4567", false],
  ["127.0.0.1", false],
  ["127.0.0.1:80", false],
  ["evil.example", false],
  ["evil.example:4566", false],
  ["127.0.0.1.nip.io:4566", false],
  ["localhost.evil:4566", false],
  ["localhost.evil.example:4566", false],
  ["sub.localhost:4566", false],
  ["a.b.execute-api.localhost:4566", false],
  ["execute-api.localhost:4566", false],
  ["abc.execute-api.localhost.evil:4566", false],
  ["localhost.:4566", false],
  ["127.1:4566", false],
  ["127.0.0.2:4566", false],
  ["0.0.0.0:4566", false],
  ["2130706433:4566", false],
  ["0x7f000001:4566", false],
  ["[::ffff:127.0.0.1]:4566", false],
  ["[::]:4566", false],
  ["user@localhost:4566", false],
  ["localhost:4566@evil.example", false],
  ["localhost:4566, evil.example", false],
  ["localhost :4566", false],
  ["localhost:", false],
  ["localhost:04566x", false],
];
const origins: [origin: string | undefined, isAllowed: boolean][] = [
  [undefined, true],
  ["http://localhost", true],
  ["http://localhost:5173", true],
  ["https://localhost:5173", true],
  ["http://127.0.0.1:3000", true],
  ["http://[::1]:3000", true],
  ["https://my.box", true],
  ["null", false],
  ["", false],
  ["http://evil.example", false],
  ["https://evil.example:5173", false],
  ["http://localhost.evil", false],
  ["http://localhost@evil", false],
  ["http://evil@localhost", false],
  ["http://localhost:5173@evil.example", false],
  ["http://localhost:5173/", false],
  ["http://localhost:999999", false],
  ["http://sub.localhost", false],
  ["http://127.0.0.1.nip.io", false],
  ["HTTP://EVIL.EXAMPLE", false],
  ["HTTP://LOCALHOST", false],
  ["file://", false],
  ["chrome-extension://localhost", false],
  ["ws://localhost", false],
  ["http://xn--lclhost-9ta.example", false],
  ["http://lоcalhost", false],
  ["http://localhost, http://evil.example", false],
];
const allowed = { port: 4566, allowHosts: ["my.box"] };

test.each(hosts)("G-17 Host %s: %s", (host, isAllowed) => {
  expect(isAllowedOrigin({ headers: { host }, rawHeaders: ["Host", host] }, allowed)).toBe(isAllowed);
});

test.each(origins)("G-18 Origin %s: %s", (origin, isAllowed) => {
  const headers = { host: "localhost:4566", ...(origin === undefined ? {} : { origin }) };
  expect(isAllowedOrigin({ headers, rawHeaders: Object.entries(headers).flat() }, allowed)).toBe(isAllowed);
});

test("G-17 two Hosts are one too many", () => {
  const rawHeaders = ["Host", "localhost:4566", "host", "evil.example"];
  expect(isAllowedOrigin({ headers: { host: "localhost:4566" }, rawHeaders }, allowed)).toBe(false);
});
