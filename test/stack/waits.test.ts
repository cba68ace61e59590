import { DeleteRoleCommand, DeleteRolePolicyCommand } from "@aws-sdk/client-iam";
import { CreateFunctionCommand } from "@aws-sdk/client-lambda";
import { expect, test } from "vitest";
import { explain } from "../../src/errors/explain.ts";
import { type Fault, openFaultProxy } from "../support/fault-proxy.ts";
import { openLocalAws } from "../support/local-aws.ts";
import { openTestStack } from "../support/stack.ts";

const unknownRole: Fault = {
  refusal: {
    status: 400,
    name: "InvalidParameterValueException",
    message: "The role defined for the function cannot be assumed by Lambda.",
  },
};
const denied = {
  refusal: {
    status: 403,
    name: "AccessDenied",
    message: "User: u is not authorized to perform: iam:PutRolePolicy",
  },
};
const isCreateFunction = (operation: string) => /^POST .*\/functions$/.test(operation);
const RoleName = "shelfshack-websocket-proxy-role";

/** Pauses as in a real run, so that a wait that does not end shows by its time. */
const REAL = { timeScale: 1 };

/** Something that is waited for, and how to let it happen. */
function event(): { happened: Promise<void>; happens(): void } {
  let happens = (): void => {};
  const happened = new Promise<void>((resolve) => (happens = resolve));
  return { happened, happens };
}

test("a wait for a role that was deleted meanwhile ends, and says so", async () => {
  const local = await openLocalAws();
  await (await openTestStack(local.url)).deploy(["role", "policy", "api", "logs"]);
  const proxy = await openFaultProxy(local, ({ operation }) =>
    isCreateFunction(operation) ? unknownRole : undefined,
  );
  await local.iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: "WebSocketAPIPermissions" }));
  await local.iam.send(new DeleteRoleCommand({ RoleName }));
  const { aws } = await openTestStack(proxy.url);
  const created = aws.lambda.send(
    new CreateFunctionCommand({
      FunctionName: "f",
      Role: `arn:aws:iam::000000000000:role/${RoleName}`,
      Code: { ZipFile: Buffer.from("zip") },
    }),
  );
  const error = await created.then(
    () => undefined,
    (thrown: unknown) => explain(thrown),
  );
  expect(error?.code).toBe("resource-missing");
  expect(error?.message).toContain(RoleName);
  expect(proxy.calls.filter(({ operation }) => isCreateFunction(operation)).length).toBeLessThan(10);
});

/** The deploy ends long before the wait would, with the failure that came first. */
async function expectDenied(deploy: () => Promise<unknown>): Promise<void> {
  const startedAt = performance.now();
  const code = await deploy().then(
    () => "deployed",
    (error: unknown) => explain(error).code,
  );
  expect(code).toBe("denied");
  expect(performance.now() - startedAt).toBeLessThan(20_000);
}

test("a wait ends when the run has failed elsewhere, with the failure that came first", async () => {
  const local = await openLocalAws();
  const waiting = event();
  const proxy = await openFaultProxy(local, ({ operation }): Fault | undefined => {
    if (isCreateFunction(operation)) return (waiting.happens(), unknownRole);
    return operation === "PutRolePolicy" ? { ...denied, before: () => waiting.happened } : undefined;
  });
  const { deploy } = await openTestStack(proxy.url, {}, REAL);
  await expectDenied(deploy);
});

test("a wait for the running update ends when the run has failed elsewhere", async () => {
  const local = await openLocalAws();
  await (await openTestStack(local.url)).deploy();
  await local.iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: "WebSocketAPIPermissions" }));
  const waiting = event();
  const proxy = await openFaultProxy(local, ({ operation }): Fault | undefined => {
    if (/^Get .*\/configuration$/.test(operation)) {
      waiting.happens();
      return {
        rewrite: (payload) =>
          Buffer.from(JSON.stringify({ ...JSON.parse(payload.toString()), LastUpdateStatus: "InProgress" })),
      };
    }
    return operation === "PutRolePolicy" ? { ...denied, before: () => waiting.happened } : undefined;
  });
  const { deploy } = await openTestStack(proxy.url, { timeout: 20 }, REAL);
  await expectDenied(deploy);
});
