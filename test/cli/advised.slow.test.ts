import { DeleteStageCommand, GetApisCommand } from "@aws-sdk/client-apigatewayv2";
import { UntagResourceCommand } from "@aws-sdk/client-lambda";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startBackendStub } from "../support/backend-stub.ts";
import { withoutAlias } from "../support/former-stack.ts";
import { FunctionName, makeByHand } from "../support/hand-made.ts";
import { openLocalAws, pointedAt, type AwsForTest } from "../support/local-aws.ts";
import { documentsIn } from "../support/documents.ts";
import { run } from "../support/program.ts";

const Resource = `arn:aws:lambda:us-east-1:000000000000:function:${FunctionName}`;

/** Runs the program in the test's stack. */
type Words = (...args: string[]) => Promise<{ code: number | null; stdout: string; stderr: string }>;
interface Scene {
  local: AwsForTest;
  words: Words;
  backend: string[];
  own: string[];
}

/** How each kind of stack is made, and what stands in place of a deploy where every one would be refused. */
const stacks: readonly [kind: string, make: (scene: Scene) => Promise<unknown>, instead?: string[]][] = [
  ["the shipped handler", ({ words, backend }) => words("deploy", ...backend)],
  ["own code", ({ words, own }) => words("deploy", ...own)],
  [
    "adopted",
    async ({ local, words, backend }) => {
      await makeByHand(local);
      await words("deploy", "--adopt", ...backend);
    },
  ],
  ["made by hand", ({ local }) => makeByHand(local), ["plan", "--adopt"]],
  [
    "Terraform's",
    ({ local }) => makeByHand(local, { functionTags: terraform, apiTags: terraform }),
    ["plan"],
  ],
  [
    "code of which nothing says whose it is",
    async ({ local, words, backend }) => {
      await words("deploy", ...backend);
      await withoutAlias(local);
      const TagKeys = ["shelfshack-ws:code"];
      await local.lambda.send(new UntagResourceCommand({ Resource, TagKeys }));
    },
  ],
];
const terraform = { ManagedBy: "terraform" };

const asking = [
  ["status"],
  ["doctor"],
  ["releases"],
  ["env", "list"],
  ["env", "set", "LOG_LEVEL=INFO"],
  ["rollback", "--to", "9"],
  ["backend", "keys"],
  ["outputs", "--for", "backend"],
  ["connect", "--booking", "1", "--token", "t", "--timeout", "5"],
  ["test"],
  ["metrics"],
  ["logs", "tail", "--no-follow"],
  ["trace", "--no-follow"],
  ["connections", "get", "abc="],
  ["bench", "--connections", "1", "--rate", "1", "--duration", "1s", "--token", "t"],
  ["policy", "deployer"],
  ["export", "terraform"],
];

/** The words of every command in a result. */
const advisedIn = (result: unknown): string[][] =>
  typeof result !== "object" || result === null
    ? []
    : Object.entries(result).flatMap(([key, member]) => (key === "argv" ? member : advisedIn(member)));

const isDeploy = (argv: readonly string[]): boolean =>
  argv[0] === "deploy" || (argv[0] === "doctor" && argv.includes("--fix"));

test.each(stacks)("a deploy that is advised would not be refused: %s", async (_kind, make, instead) => {
  const [local, stub] = await Promise.all([
    openLocalAws(),
    startBackendStub(() => (response) => response.writeHead(500).end()),
  ]);
  onTestFinished(() => stub.close());
  const folder = mkdtempSync(join(tmpdir(), "advised-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "app.mjs"), "export const handler = () => ({ statusCode: 200 });");
  const env = { ...pointedAt(local.url), SHELFSHACK_TEST: "false", SHELFSHACK_PROBE: "false" };
  const words: Words = (...args) => run(args, { env });
  const own = ["--source", folder, "--handler", "app.handler"];
  await make({ local, words, own, backend: ["--backend-url", stub.url] });
  // Another release, which is taken back; and no stage.
  await words("env", "set", "LOG_LEVEL=DEBUG");
  await words("rollback");
  const { Items: [api] = [] } = await local.apigatewayv2.send(new GetApisCommand({}));
  await local.apigatewayv2.send(new DeleteStageCommand({ ApiId: api?.ApiId, StageName: "dev" }));

  const told = await Promise.all(asking.map(async (args) => [args, await words(...args, "--json")] as const));
  const advised = told.flatMap(([args, { stdout }]) =>
    advisedIn(documentsIn(stdout)).map((argv) => ({ by: args.join(" "), argv })),
  );
  const deploys = advised.filter(({ argv }) => isDeploy(argv));
  if (instead) expect(deploys).toEqual([]);
  else expect(deploys).not.toEqual([]);
  const starts = ({ argv }: { argv: string[] }) => (instead ?? []).every((word, at) => argv[at] === word);
  expect(advised.filter(starts)).not.toEqual([]);

  const places: Record<string, string> = { FOLDER: folder, URL: stub.url };
  const lines = [...new Set(deploys.map(({ argv }) => argv.join(" ")))].filter((line) =>
    line.startsWith("deploy"),
  );
  const taken = await Promise.all(
    lines.map(async (line) => {
      const { code, stderr } = await words(
        ...line.split(" ").map((word) => places[word] ?? word),
        "--dry-run",
      );
      // A step may have to wait for another one, which it names.
      return code === 4 ? `${line}: ${stderr}` : line;
    }),
  );
  expect(taken).toEqual(lines);
});
