import { GetFunctionCommand, TagResourceCommand } from "@aws-sdk/client-lambda";
import { expect, onTestFinished, test } from "vitest";
import { newSigningKey } from "../../src/contract/signature.ts";
import { formsOn } from "../../src/settings/commands.ts";
import { startContractBackend, type Flaw } from "../support/contract-backend.ts";
import { FunctionName, makeByHand } from "../support/hand-made.ts";
import { mutating, openLocalAws, pointedAt } from "../support/local-aws.ts";
import { errorCode, run, type Ended } from "../support/program.ts";
import { openTestStack } from "../support/stack.ts";
import { openSocket } from "../support/socket.ts";
import { makeTerraformStack, terraformNames } from "../support/terraform-stack.ts";

/** Every client of a booking gets each message as it is. */
const sendsToAll: Flaw = () => ({
  message: (data, connected) => ({
    status: 200,
    body: JSON.stringify({ deliver: [{ to: [...connected], data }] }),
  }),
});

const client = ["--booking", "1", "--token", "good"];

/** What the forms of the commands are given, and how those end that work and have something to tell. */
const given: Readonly<Record<string, { args?: readonly string[]; code?: number }>> = {
  status: { code: 3 },
  export: { args: ["terraform"] },
  policy: { args: ["deployer"] },
  test: { args: client },
  connect: { args: [...client, "--send", "{}", "--expect", "{}", "--timeout", "10"] },
  bench: { args: [...client, "--connections", "2", "--rate", "5", "--duration", "200ms", "--timeout", "2"] },
  "logs tail": { args: ["--no-follow"] },
  cost: { args: ["--connections", "10", "--measured"] },
  capacity: { args: ["--connections", "10", "--measured"] },
  trace: { args: ["--no-follow"] },
  doctor: { args: client },
  "doctor --fix": { args: client },
  "env set": { args: ["COLOUR=blue"] },
  "env unset": { args: ["LOG_LEVEL"] },
  destroy: { args: ["--yes"] },
};

/** What reads no tags, and so cannot tell whose the stack is; of a local AWS `trace` reads traces alone. */
const silent = ["test", "backend check", "trace"];

async function scene() {
  const key = newSigningKey();
  const [backend, local] = await Promise.all([startContractBackend([key], sendsToAll), openLocalAws()]);
  onTestFinished(() => backend.close());
  const { url } = await makeTerraformStack(local, {
    BACKEND_URL: backend.url,
    SIGNING_KEYS: key,
    LOG_LEVEL: "INFO",
  });
  const { FunctionName, Name, StageName, RoleName } = terraformNames;
  const env = {
    ...pointedAt(local.url),
    SHELFSHACK_FUNCTION_NAME: FunctionName,
    SHELFSHACK_API_NAME: Name,
    SHELFSHACK_STAGE: StageName,
    SHELFSHACK_ROLE_NAME: RoleName,
  };
  await openSocket(`${url}?booking_id=1&token=good`);
  const [connectionId = ""] = backend.connected;
  const before = mutating(local).length;
  const runForm = (line: string) => {
    const args = line === "connections" ? ["get", connectionId] : (given[line]?.args ?? []);
    return run([...line.split(" "), ...args, "--json"], { env });
  };
  return { runForm, written: () => mutating(local).slice(before) };
}

/** Runs a few at a time, in their order. */
async function inTurns<T>(
  lines: readonly string[],
  work: (line: string) => Promise<T>,
): Promise<Map<string, T>> {
  const left = [...lines];
  const ended = new Map<string, T>();
  const next = async (): Promise<void> => {
    const line = left.shift();
    if (line === undefined) return;
    ended.set(line, await work(line));
    await next();
  };
  await Promise.all([next(), next(), next()]);
  return ended;
}

const saysWhose = ({ stdout, stderr }: Ended): boolean =>
  /"managedBy": "terraform"|managed by terraform/.test(stdout + stderr);

test("S11 on a stack of Terraform's every command that reads works, and none writes", async () => {
  const { runForm, written } = await scene();
  const { reads, plans, writes } = formsOn();
  const ended = await inTurns([...reads, ...plans, ...writes], runForm);
  for (const [line, end] of ended) {
    const isRefused = writes.includes(line);
    const code = isRefused || plans.includes(line) ? 4 : 0;
    expect([line, end.code, saysWhose(end) || silent.includes(line)]).toEqual([
      line,
      given[line]?.code ?? code,
      true,
    ]);
    if (isRefused) expect(errorCode(end)).toBe("not-ours");
  }
  expect((await runForm("plan --exit-code")).code).toBe(4);
  expect(written()).toEqual([]);
}, 60_000);

/** What ends an adoption that was cut: a whole deploy goes on, and `destroy` lets go of it. */
const ends = ["deploy", "destroy"];

test("S46 while an adoption is not at its end, nothing but what ends it writes", async () => {
  const local = await openLocalAws();
  const { FunctionArn: Resource } = await makeByHand(local, { otherStage: true });
  const env = pointedAt(local.url);
  const unfit = await run(["plan", "--adopt", "--json"], { env });
  expect(unfit).toMatchObject({ code: 4, stderr: expect.not.stringContaining("adopted") });
  expect(JSON.parse(unfit.stdout)).toMatchObject({ changed: true, refused: { code: "unfit-to-adopt" } });

  const { stack } = await openTestStack(local.url);
  const Tags = { ...stack.lambdaFunction.tags, "shelfshack-ws:adopted": "begun" };
  await local.lambda.send(new TagResourceCommand({ Resource, Tags }));
  const before = mutating(local).length;
  const writing = formsOn().writes.filter((line) => !ends.includes(line));
  const parts = ["deploy --code-only", "deploy --only env --backend-url http://127.0.0.1:9"];
  const ended = await inTurns([...writing, ...parts], (line) => {
    const { args = [] } = given[line] ?? {};
    return run([...line.split(" "), ...args, "--json"], { env });
  });
  for (const [line, end] of ended)
    expect([line, end.code, errorCode(end)]).toEqual([line, 4, "adoption-begun"]);
  expect(mutating(local)).toHaveLength(before);
  expect((await run(["destroy", "--yes"], { env })).code).toBe(0);
  expect(await local.lambda.send(new GetFunctionCommand({ FunctionName }))).not.toHaveProperty("Tags");
});
