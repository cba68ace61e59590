import {
  CreateDeploymentCommand,
  CreateRouteCommand,
  CreateStageCommand,
} from "@aws-sdk/client-apigatewayv2";
import { CreateRoleCommand, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import { AssumeRoleCommand } from "@aws-sdk/client-sts";
import { expect, test } from "vitest";
import {
  makeApi,
  makeFunction,
  openLocalAws,
  permit,
  policy,
  type AwsForTest,
} from "../support/local-aws.ts";
import { errorCode, run } from "../support/program.ts";

/** Accepts whom API Gateway names. */
const source = `export const handler = async ({ requestContext: { identity } }) =>
  ({ statusCode: identity.userArn?.startsWith("arn:aws:") ? 200 : 500 });`;

/** A stage whose clients must sign, on a local AWS that verifies each signature. */
async function signedStage(): Promise<{ local: AwsForTest; url: string; apiId: string }> {
  const local = await openLocalAws({ verifySignatures: true });
  const { apigatewayv2 } = local;
  const { ApiId, ApiEndpoint, IntegrationId } = await makeApi(local, {
    functionArn: await makeFunction(local, { source }),
  });
  await permit(local, { apiId: ApiId });
  const target = { Target: `integrations/${IntegrationId}`, AuthorizationType: "AWS_IAM" } as const;
  await apigatewayv2.send(new CreateRouteCommand({ ApiId, RouteKey: "$connect", ...target }));
  const { DeploymentId } = await apigatewayv2.send(new CreateDeploymentCommand({ ApiId }));
  await apigatewayv2.send(new CreateStageCommand({ ApiId, StageName: "dev", DeploymentId }));
  return { local, url: `${ApiEndpoint}/dev`, apiId: ApiId };
}

const credentials = (accessKeyId: string, secretAccessKey: string, sessionToken = "") => ({
  AWS_REGION: "us-east-1",
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  ...(sessionToken && { AWS_SESSION_TOKEN: sessionToken }),
});

/** The handshake's status, or the code of the error that was before it. */
async function statusOf(url: string, words: readonly string[], env: Record<string, string>) {
  const args = ["connect", "--url", url, "--expect-status", "403", "--json", ...words];
  const ended = await run(args, { env });
  expect(ended.stdout + ended.stderr).not.toContain(env["AWS_SECRET_ACCESS_KEY"]);
  const { status } = JSON.parse(ended.stdout) as { status?: number };
  return status ?? errorCode(ended);
}

test("--sign signs the handshake so that a route with IAM authorization takes it", async () => {
  const { url } = await signedStage();
  // Every character that is written otherwise in a signature than in an address.
  const odd = ["--booking", "a b+c/ü*'(1)~&=%", "--type", "booking"];
  const own = credentials("local", "local");
  expect(await statusOf(url, odd, own)).toBe(403);
  expect(await statusOf(url, ["--sign", ...odd], own)).toBe(101);
  expect(await statusOf(url, ["--sign"], own)).toBe(101);
  expect(await statusOf(url, ["--sign", ...odd], credentials("local", "another-secret"))).toBe(403);
  expect(await statusOf(url, ["--sign", "--region", "eu-west-1"], own)).toBe(403);
  expect(await statusOf(url, ["--sign"], { AWS_REGION: "us-east-1", AWS_SECRET_ACCESS_KEY: "canary" })).toBe(
    "no-credentials",
  );
});

test("--sign with a role's session needs execute-api:Invoke", async () => {
  const { local, url, apiId } = await signedStage();
  const RoleName = "client";
  const trust = policy({ Principal: { AWS: "*" }, Action: "sts:AssumeRole" });
  const { Role } = await local.iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: trust }));
  const { Credentials } = await local.sts.send(
    new AssumeRoleCommand({ RoleArn: Role?.Arn, RoleSessionName: "test" }),
  );
  const { AccessKeyId = "", SecretAccessKey = "", SessionToken } = Credentials ?? {};
  const session = credentials(AccessKeyId, SecretAccessKey, SessionToken);
  expect(await statusOf(url, ["--sign"], session)).toBe(403);
  const PolicyDocument = policy({
    Action: "execute-api:Invoke",
    Resource: `arn:aws:execute-api:us-east-1:000000000000:${apiId}/dev/$connect`,
  });
  await local.iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: "connect", PolicyDocument }));
  expect(await statusOf(url, ["--sign"], session)).toBe(101);
});
