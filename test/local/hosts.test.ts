import { expect, test } from "vitest";
import type { IncomingMessage } from "node:http";
import { hostOrOrigin } from "../../src/contract/host-or-origin.ts";
import { isLoopback, refusedName } from "../../src/local/allowed-hosts.ts";

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
const isAllowedOrigin = (
  request: Pick<IncomingMessage, "headers" | "rawHeaders">,
  allowing: typeof allowed,
) => refusedName(request, allowing) === undefined;

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

const asked: [allowHost: string, host: string, origin: string | undefined, isAllowed: boolean][] = [
  ["host.docker.internal", "host.docker.internal:4566", undefined, true],
  ["Host.Docker.Internal:4566", "HOST.docker.internal", undefined, true],
  ["192.168.1.5", "192.168.1.5:4566", "http://192.168.1.5:5173", true],
  ["192.168.1.5", "192.168.1.5:4566", "https://192.168.1.5", true],
  ["192.168.1.5", "192.168.1.50:4566", undefined, false],
  ["192.168.1.5", "localhost:4566", "http://192.168.1.5.nip.io", false],
  ["fe80::1", "[fe80::1]:4566", "http://[fe80::1]:3000", true],
  ["my-mac.local", "localhost:4566", "http://my-mac.local:3000", true],
  ["my-mac.local", "localhost:4566", "capacitor://my-mac.local", false],
  ["my-mac.local", "my-mac.local.evil.example:4566", undefined, false],
  ["null", "localhost:4566", "null", true],
  ["null", "null:4566", undefined, true],
  ["capacitor://localhost", "localhost:4566", "capacitor://localhost", true],
  ["capacitor://localhost", "localhost:4566", "capacitor://evil", false],
  ["https://app.example.com", "localhost:4566", "https://app.example.com", true],
  ["https://app.example.com", "localhost:4566", "http://app.example.com", false],
  ["https://app.example.com", "app.example.com:4566", undefined, false],
  ["localhost", "localhost:9999", undefined, true],
];

test.each(asked)("F-39 --allow-host %s with Host %s and Origin %s: %s", (words, host, origin, isAllowed) => {
  const headers = { host, ...(origin === undefined ? {} : { origin }) };
  const allowing = { port: 4566, allowHosts: [hostOrOrigin(words) ?? ""] };
  expect(isAllowedOrigin({ headers, rawHeaders: Object.entries(headers).flat() }, allowing)).toBe(isAllowed);
});

test.each(["", " ", "a b", "http://", "http://x/y", "user@host", "a,b", "*/x", "[::1"])(
  "F-39 %j is neither a host nor an origin",
  (words) => expect(hostOrOrigin(words)).toBeUndefined(),
);

test("F-39 what is refused names what would allow it, and that does", () => {
  const refusable = [...hosts, ...origins].filter(([, isAllowed]) => !isAllowed);
  const allowable = refusable.filter(([name]) => {
    const isHost = hosts.some(([host]) => host === name);
    const headers = isHost ? { host: name } : { host: "localhost:4566", origin: name };
    const request = { headers, rawHeaders: Object.entries(headers).flat() } as never;
    const { allow } = refusedName(request, allowed) ?? {};
    if (allow === undefined) return false;
    expect([name, refusedName(request, { port: 4566, allowHosts: [hostOrOrigin(allow) ?? ""] })]).toEqual([
      name,
      undefined,
    ]);
    return true;
  });
  expect(allowable.length).toBeGreaterThan(20);
});

test.each([
  ["127.0.0.1", true],
  ["127.255.255.254", true],
  ["::1", true],
  ["127.evil.example", false],
  ["127.0.0.1.evil.example", false],
  ["1127.0.0.1", false],
  ["0.0.0.0", false],
  ["::", false],
])("what listens at %s is reached from this machine alone: %s", (address, isAlone) => {
  expect(isLoopback(address)).toBe(isAlone);
});
