import {
  DeleteRouteCommand,
  GetRoutesCommand,
  TagResourceCommand as TagApiCommand,
} from "@aws-sdk/client-apigatewayv2";
import { DeleteRolePolicyCommand, TagRoleCommand } from "@aws-sdk/client-iam";
import {
  GetPolicyCommand,
  RemovePermissionCommand,
  TagResourceCommand as TagFunctionCommand,
} from "@aws-sdk/client-lambda";
import { expect, test } from "vitest";
import { mutating, pointedAt } from "../support/local-aws.ts";
import { openPatient } from "../support/doctor.ts";
import { run } from "../support/program.ts";

const served = { FunctionName: "shelfshack-websocket-proxy", Qualifier: "live" };

interface Said {
  healthy: boolean;
  cause: string | null;
  repaired: string[];
  steps: string[];
  checks: { id: string; outcome: string; code: string | null; argv?: string[][] }[];
}

const failedIn = ({ checks }: Said) =>
  checks.filter(({ outcome }) => outcome === "failed").map(({ id }) => id);

test("S23 a healthy stack ends with 0; without its policy the hop is named, --fix repairs it", async () => {
  const patient = await openPatient();
  const env = { ...pointedAt(patient.url), SHELFSHACK_TOKEN: "good" };
  const doctor = async (...options: string[]) => {
    const { code, stdout } = await run(["doctor", "--json", ...options], { env });
    return [code, JSON.parse(stdout)] as const as [number, Said];
  };
  expect(await doctor()).toMatchObject([
    0,
    { healthy: true, cause: null, failed: 0, warnings: 0, steps: [] },
  ]);

  const { iam, RoleName } = patient;
  await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: "WebSocketAPIPermissions" }));
  const [code, sick] = await doctor();
  expect([code, sick.cause, sick.steps, failedIn(sick)]).toEqual([
    3,
    "push-denied",
    ["policy"],
    ["push-right", "push", "log-right"],
  ]);
  expect(sick.checks.find(({ id }) => id === "push-right")).toMatchObject({
    argv: [["deploy", "--only", "policy", "--local"]],
  });

  expect(await doctor("--fix")).toMatchObject([
    0,
    { healthy: true, repaired: ["policy"], changes: [{ id: "RolePolicy", action: "create" }] },
  ]);
  const told = await run(["doctor"], { env });
  expect(told.code).toBe(0);
  expect(told.stdout).toContain("\n✓  the role may send frames");
}, 60_000);

test("S23 what never reached the function is traced; --fix names what it made, not its steps", async () => {
  const { apigatewayv2, lambda, url, ApiId } = await openPatient();
  const env = { ...pointedAt(url), SHELFSHACK_TOKEN: "good" };
  const { Policy = "" } = await lambda.send(new GetPolicyCommand(served));
  for (const { Sid: StatementId } of JSON.parse(Policy).Statement)
    await lambda.send(new RemovePermissionCommand({ ...served, StatementId }));
  const sick = JSON.parse((await run(["doctor", "--json"], { env })).stdout) as Said;
  expect(sick.cause).toBe("permission-missing");
  const advised = sick.checks.flatMap(({ argv = [] }) => argv);
  expect(advised.filter(([word]) => word === "logs")).toEqual([]);
  expect(advised.filter(([word]) => word === "trace")).not.toEqual([]);
  const { Items = [] } = await apigatewayv2.send(new GetRoutesCommand({ ApiId }));
  const { RouteId } = Items.find(({ RouteKey }) => RouteKey === "$default")!;
  await apigatewayv2.send(new DeleteRouteCommand({ ApiId, RouteId }));
  const { code, stdout } = await run(["doctor", "--fix"], { env });
  expect([code, /^repaired: (.*)$/m.exec(stdout)?.[1]?.split(", ").toSorted()]).toEqual([
    0,
    expect.arrayContaining(["Permission created", "RouteDefault created"]),
  ]);
}, 60_000);

test("S34 without an answer of AWS one cause is told, and nothing else is guessed", async () => {
  const { code, stdout } = await run(["doctor", "--json"], {
    env: { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: "9" },
  });
  const { cause, checks } = JSON.parse(stdout) as Said;
  expect([code, cause]).toEqual([3, "local-aws-not-running"]);
  expect(new Set(checks.map(({ outcome }) => outcome))).toEqual(new Set(["failed", "skipped"]));
  expect(checks.filter(({ outcome }) => outcome === "failed").map(({ id }) => id)).toEqual(["credentials"]);
});

test("S34 --fix writes nothing where one resource or the whole stack is of another tool", async () => {
  const patient = await openPatient();
  const { iam, lambda, apigatewayv2, RoleName, ApiId, functionArn } = patient;
  const env = { ...pointedAt(patient.url), SHELFSHACK_TOKEN: "good" };
  await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: "WebSocketAPIPermissions" }));
  const Tags = { ManagedBy: "terraform" };
  const toOther = [
    () => iam.send(new TagRoleCommand({ RoleName, Tags: [{ Key: "ManagedBy", Value: "terraform" }] })),
    () => lambda.send(new TagFunctionCommand({ Resource: functionArn, Tags })),
    () =>
      apigatewayv2.send(
        new TagApiCommand({ ResourceArn: `arn:aws:apigateway:us-east-1::/apis/${ApiId}`, Tags }),
      ),
  ];
  for (const hand of toOther) {
    await hand();
    const before = mutating(patient).length;
    const { code, stdout } = await run(["doctor", "--fix", "--json"], { env });
    const written = mutating(patient)
      .slice(before)
      .map(({ operation }) => operation);
    // Asking the function is a call that may change something, as far as AWS's model tells.
    expect([code, JSON.parse(stdout).error?.code, written.filter((name) => name !== "Invoke")]).toEqual([
      4,
      "not-ours",
      [],
    ]);
  }
}, 60_000);
