import { DeleteRolePolicyCommand, ListRolePoliciesCommand } from "@aws-sdk/client-iam";
import { InvokeCommand } from "@aws-sdk/client-lambda";
import { expect, onTestFinished, test } from "vitest";
import { packageHandler } from "../../src/artifact/zip.ts";
import { newSigningKey } from "../../src/contract/signature.ts";
import { connectionsProof, proofEvent, PROVE, PROVEN } from "../../src/verify/connections-proof.ts";
import { nextAfter, smokeTest } from "../../src/verify/proof.ts";
import { startBackendStub } from "../support/backend-stub.ts";
import { openLocalAws } from "../support/local-aws.ts";
import { openSocket } from "../support/socket.ts";
import { openTestStack } from "../support/stack.ts";

const role = { RoleName: "shelfshack-websocket-proxy-role" };

test("H-39 on a deployed stack a proof passes, and names the right that was taken away", async () => {
  const [backend, local, { zip, sha256 }] = await Promise.all([
    startBackendStub(),
    openLocalAws(),
    packageHandler(),
  ]);
  onTestFinished(() => backend.close());
  const { stack, deploy, aws } = await openTestStack(local.url, {
    zip,
    zipSha256: sha256,
    backendUrl: backend.url,
    variables: { SIGNING_KEYS: newSigningKey() },
  });
  const changes = await deploy();
  const { attributes } = changes.find(({ resource }) => resource === stack.api)!;
  const endpoint = `${attributes.ManagementEndpoint}/dev`;
  const prove = async () => {
    const { Payload } = await aws.lambda.send(
      new InvokeCommand({
        FunctionName: "shelfshack-websocket-proxy",
        Payload: JSON.stringify(proofEvent(endpoint)),
      }),
    );
    return connectionsProof(JSON.parse(Buffer.from(Payload!).toString()), endpoint);
  };
  expect(await prove()).toMatchObject({ code: "reached", reached: true });
  const socket = await openSocket(`${attributes.ApiEndpoint}/dev?booking_id=1&token=t`);
  socket.send(PROVE);
  expect(await socket.next()).toBe(PROVEN);
  expect(backend.requests.map(({ path }) => path)).toEqual(["/api/ws/register"]);

  const { PolicyNames = [] } = await local.iam.send(new ListRolePoliciesCommand(role));
  for (const PolicyName of PolicyNames)
    await local.iam.send(new DeleteRolePolicyCommand({ ...role, PolicyName }));
  expect(await prove()).toEqual({
    code: "denied",
    reached: false,
    meaning: expect.stringMatching(
      / lacks execute-api:ManageConnections on arn:\S+\/dev\/\*\/@connections\/\*$/,
    ),
  });

  const options = {
    functionName: "shelfshack-websocket-proxy",
    apiName: "shelfshack-websocket-api",
    stage: "dev",
    type: "booking",
    account: undefined,
  };
  const run = { aws, report: () => {}, signal: new AbortController().signal, timeScale: 0.01 };
  const tested = await smokeTest(
    `${attributes.ApiEndpoint}/dev`,
    { ...options, booking: undefined, token: undefined, owner: "shipped", before: null },
    run,
  );
  expect(tested).toMatchObject({ passed: false, fault: "push" });
  expect(tested.checks.map(({ id, outcome, code }) => [id, outcome, code])).toEqual([
    ["invocation", "passed", null],
    ["reached", "passed", null],
    ["accepted", "passed", null],
    ["push", "failed", "denied"],
    ["handshake", "passed", null],
    ["message", "skipped", null],
  ]);
  const client = { booking: undefined, token: undefined, tokenStdin: false, owner: "shipped" as const };
  expect(nextAfter(tested, client)).toMatchObject({ command: "deploy", options: { only: ["policy"] } });
  // Of own code no backend is known.
  const refused = { ...tested, fault: null };
  expect(nextAfter(refused, client)).toMatchObject({ command: "backend check" });
  expect(nextAfter(refused, { ...client, owner: "own" })).toMatchObject({ command: "test" });
});
