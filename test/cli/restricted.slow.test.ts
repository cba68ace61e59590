import {
  AttachRolePolicyCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  GetRoleCommand,
  IAMClient,
  ListRolePoliciesCommand,
  PutRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { AssumeRoleCommand } from "@aws-sdk/client-sts";
import { expect, onTestFinished, test } from "vitest";
import { startDemoBackend } from "../../src/backend/demo.ts";
import { lambdaTrust, makeRole, openLocalAws, policy, refusal } from "../support/local-aws.ts";
import { run } from "../support/program.ts";

async function place() {
  const [aws, backend] = await Promise.all([openLocalAws(), startDemoBackend()]);
  onTestFinished(() => backend.close());
  const program = async (...line: string[]) => {
    const env = { ...aws.environment, SHELFSHACK_BACKEND_URL: backend.url };
    const { code, stdout } = await run([...line, "--json"], { env });
    return { code, result: JSON.parse(stdout) };
  };
  return { aws, program };
}

const changing = ({ calls }: Awaited<ReturnType<typeof place>>["aws"]) =>
  calls.filter(({ mutating }) => mutating).map(({ operation }) => operation);

test("a role of others that lacks rights: nothing is changed, and what it needs is said", async () => {
  const { aws, program } = await place();
  const arn = await makeRole(aws, "theirs");
  const before = changing(aws).length;
  const refused = await program("deploy", "--role-arn", arn);
  expect(refused).toMatchObject({ code: 4, result: { error: { code: "role-unfit" } } });
  expect(changing(aws)).toHaveLength(before);
  const { hint } = refused.result.error as { hint: string };
  const PolicyDocument = hint.slice(hint.indexOf("{"));
  expect(PolicyDocument).toContain("execute-api:ManageConnections");
  expect(await program("plan", "--role-arn", arn)).toMatchObject({
    code: 4,
    result: { changed: true, refused: { code: "role-unfit" } },
  });
  await aws.iam.send(new PutRolePolicyCommand({ RoleName: "theirs", PolicyName: "handed", PolicyDocument }));
  const role = async () => [
    await aws.iam.send(new GetRoleCommand({ RoleName: "theirs" })),
    (await aws.iam.send(new ListRolePoliciesCommand({ RoleName: "theirs" }))).PolicyNames,
  ];
  const [{ Role }, names] = (await role()) as [{ Role?: object }, string[]];
  expect((await program("deploy", "--role-arn", arn, "--token", "demo")).code).toBe(0);
  expect((await program("plan", "--role-arn", arn, "--exit-code")).code).toBe(0);
  expect((await program("destroy", "--yes")).code).toBe(0);
  expect(await role()).toMatchObject([{ Role }, names]);
});

test("a role that Lambda may not assume, or that is not there, is refused before any change", async () => {
  const { aws, program } = await place();
  const trust = policy({ Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" });
  const input = { RoleName: "ec2", AssumeRolePolicyDocument: trust };
  const { Role } = await aws.iam.send(new CreateRoleCommand(input));
  for (const arn of [Role?.Arn ?? "", "arn:aws:iam::000000000000:role/team/none"])
    expect(await program("deploy", "--role-arn", arn)).toMatchObject({
      code: 4,
      result: { error: { code: "role-unfit" } },
    });
  expect(changing(aws)).toEqual(["CreateRole"]);
});

test("a role with a boundary and a path: made so, passed so, and not moved", async () => {
  const { aws, program } = await place();
  const PolicyDocument = policy({ Action: ["logs:*", "execute-api:*", "lambda:*"], Resource: "*" });
  const { Policy } = await aws.iam.send(new CreatePolicyCommand({ PolicyName: "edge", PolicyDocument }));
  const options = ["--permissions-boundary", Policy?.Arn ?? "", "--role-path", "/team/"];
  expect((await program("deploy", ...options, "--token", "demo")).code).toBe(0);
  const RoleName = "shelfshack-websocket-proxy-role";
  expect((await aws.iam.send(new GetRoleCommand({ RoleName }))).Role).toMatchObject({
    Path: "/team/",
    Arn: `arn:aws:iam::000000000000:role/team/${RoleName}`,
    PermissionsBoundary: { PermissionsBoundaryArn: Policy?.Arn },
  });
  expect((await program("plan", "--exit-code")).code).toBe(0);
  expect(await program("deploy", "--role-path", "/other/")).toMatchObject({
    code: 4,
    result: { error: { code: "role-elsewhere" } },
  });
  const { result } = await program("policy", "deployer", ...options);
  const [role] = result.document.Statement as { Action: string[]; Resource: string }[];
  expect(role?.Resource).toBe(`arn:aws:iam::000000000000:role/team/${RoleName}`);
  expect(role?.Action).toContain("iam:PutRolePermissionsBoundary");
  expect((await program("destroy", "--yes")).code).toBe(0);
});

test("outside of a boundary all is refused in AWS's words, whatever the role's policies allow", async () => {
  const { aws } = await place();
  const { Policy } = await aws.iam.send(
    new CreatePolicyCommand({
      PolicyName: "edge",
      PolicyDocument: policy({ Action: "logs:*", Resource: "*" }),
    }),
  );
  const { Role } = await aws.iam.send(
    new CreateRoleCommand({
      RoleName: "bounded",
      AssumeRolePolicyDocument: lambdaTrust.replace('{"Service":"lambda.amazonaws.com"}', '{"AWS":"*"}'),
      PermissionsBoundary: Policy?.Arn,
    }),
  );
  const PolicyArn = "arn:aws:iam::aws:policy/AdministratorAccess";
  await aws.iam.send(new AttachRolePolicyCommand({ RoleName: "bounded", PolicyArn }));
  const session = new AssumeRoleCommand({ RoleArn: Role?.Arn, RoleSessionName: "test" });
  const { Credentials } = await aws.sts.send(session);
  const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = Credentials ?? {};
  const credentials = {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
  };
  const iam = new IAMClient({ endpoint: aws.url, region: "us-east-1", credentials });
  onTestFinished(() => iam.destroy());
  const { message } = await refusal(iam.send(new GetRoleCommand({ RoleName: "bounded" })));
  expect(message).toContain("because no permissions boundary allows the iam:GetRole action");
});
