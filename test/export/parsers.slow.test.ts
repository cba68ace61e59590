import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { folderOf, needs } from "../support/aws-clients.ts";
import { openLocalAws, pointedAt, mutating } from "../support/local-aws.ts";
import { run } from "../support/program.ts";
import { openTestStack } from "../support/stack.ts";

const execute = promisify(execFile);

/** What a command prints for a deployed stack, and for one that is not. */
async function printed(format: "terraform" | "cloudformation"): Promise<string[]> {
  const local = await openLocalAws();
  await (await openTestStack(local.url, { variables: { QUOTED: "x" } })).deploy();
  const before = mutating(local).length;
  const env = pointedAt(local.url);
  const backend = ["--backend-url", "https://a.example/x"];
  const ended = await Promise.all([
    run(["export", format], { env }),
    run(["export", format, "--env", "other", ...backend], { env }),
  ]);
  expect(ended.map(({ code }) => code)).toEqual([0, 0]);
  expect(mutating(local).length).toBe(before);
  return ended.map(({ stdout }) => stdout);
}

test("S47 what export prints is HCL for a parser of others, with the values meant", async (context) => {
  needs(context, "hcl2tojson", ["--help"]);
  for (const text of await printed("terraform")) {
    const folder = await folderOf({ "main.tf": text });
    const { stdout } = await execute("hcl2tojson", [join(folder, "main.tf")]);
    const { resource, import: imports = [] } = JSON.parse(stdout) as Record<string, object[]>;
    const addresses = (resource ?? []).flatMap((one) =>
      Object.entries(one).map(([type, names]) =>
        `${type}.${Object.keys(names as object)[0]}`.replaceAll('"', ""),
      ),
    );
    expect(addresses).toEqual(expect.arrayContaining(["aws_lambda_function.function", "aws_iam_role.role"]));
    expect([0, addresses.length]).toContain(imports.length);
  }
});

test("what export prints is a template without a finding of cfn-lint", async (context) => {
  needs(context, "cfn-lint", ["--version"]);
  for (const text of await printed("cloudformation")) {
    const folder = await folderOf({ "template.json": text });
    const { stdout } = await execute("cfn-lint", [join(folder, "template.json")]);
    expect(stdout).toBe("");
  }
});

test("the zip that an export names is made of the same code by what is advised", async () => {
  const { url } = await openLocalAws();
  const folder = await folderOf({ "app.mjs": "export const handler = async () => ({ statusCode: 200 });" });
  const code = ["--source", folder, "--handler", "app.handler", "--architecture", "arm64"];
  const exported = await run(["export", "terraform", ...code], { env: pointedAt(url) });
  const [, advised = ""] = / package (.*)$/m.exec(exported.stderr) ?? [];
  const asWritten = (await run(["package", ...advised.split(" "), "--json"], { cwd: folder })).stdout;
  const asMeant = (await run(["package", ...code, "--out", join(folder, "p.zip"), "--json"])).stdout;
  const sha256 = (text: string) => (JSON.parse(text) as { sha256: string }).sha256;
  expect([exported.code, sha256(asWritten)]).toEqual([0, sha256(asMeant)]);
});

test("without the account's role for API Gateway's logs, an export with an access log warns", async () => {
  const local = await openLocalAws();
  const env = pointedAt(local.url);
  const warned = async (...args: string[]) => {
    const { code, stderr } = await run(["export", ...args, "--backend-url", "https://a.example"], { env });
    return [code, stderr.includes("API Gateway has no role for logs")];
  };
  expect(await warned("terraform", "--access-logs", "on")).toEqual([0, true]);
  expect(await warned("cloudformation", "--access-logs", "on")).toEqual([0, true]);
  expect(await warned("terraform")).toEqual([0, false]);
  await (await openTestStack(local.url, { accessLogs: "on" })).deploy();
  expect(await warned("terraform", "--access-logs", "on")).toEqual([0, false]);
});

test("an unknown format is wrong usage, with what was meant", async () => {
  const { code, stderr } = await run(["export", "terrafrom"]);
  expect([code, stderr]).toEqual([2, expect.stringContaining("did you mean")]);
});
