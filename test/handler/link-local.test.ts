import * as v from "valibot";
import { expect, test } from "vitest";
import { readConfiguration } from "../../handler/config.ts";
import { backendUrl } from "../../src/settings/value-types.ts";

const refused = [
  "169.254.0.1",
  "169.254.169.254",
  "169.254.169.254.",
  "2852039166",
  "0xa9fea9fe",
  "0251.0376.0251.0376",
  "169.254.43518",
  "[::ffff:169.254.169.254]",
  "[::FFFF:A9FE:A9FE]",
  "[::169.254.169.254]",
  "[0:0:0:0:0:ffff:a9fe:1]",
  "[fe80::1]",
  "[FEBF::1]",
  "[fd00:ec2::254]",
  "[fd00:ec2::253]",
  "[fd00:0ec2:0:0::23]",
  "[fd00:ec2:1::1]",
];
const taken = [
  "127.0.0.1",
  "169.253.1.1",
  "10.0.0.1",
  "[::1]",
  "[fe8::1]",
  "[fec0::1]",
  "[fd00:ec3::254]",
  "[fd00::1]",
  "[::ffff:10.0.0.1]",
];

test.each([...refused.map((host) => [host, true] as const), ...taken.map((host) => [host, false] as const)])(
  "the command line and the handler agree on %s: refused is %s",
  (host, isRefused) => {
    const url = `http://${host}/`;
    expect(!v.safeParse(backendUrl.schema, url).success, "command line").toBe(isRefused);
    expect(readConfiguration({ BACKEND_URL: url }).problems.length > 0, "handler").toBe(isRefused);
  },
);
