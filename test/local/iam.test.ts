import * as iam from "@aws-sdk/client-iam";
import { AssumeRoleCommand, GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { expect, test } from "vitest";
import { lambdaTrust, makeRole, openLocalAws, policy, refusal } from "../support/local-aws.ts";

const RoleName = "proxy-role";
const create = (overrides: Partial<iam.CreateRoleCommandInput> = {}) =>
  new iam.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: lambdaTrust, ...overrides });

test("a role is answered as IAM answers it, and GetRole says more than CreateRole", async () => {
  const aws = await openLocalAws();
  const created = await aws.iam.send(
    create({ Path: "/service/", Description: "runs <the> & proxy", Tags: [{ Key: "a", Value: "b" }] }),
  );
  expect(created.Role).toMatchObject({
    Arn: "arn:aws:iam::000000000000:role/service/proxy-role",
    RoleId: expect.stringMatching(/^AROA[A-Z2-7]{17}$/),
    Description: "runs <the> & proxy",
  });
  expect(created.Role).not.toHaveProperty("MaxSessionDuration");
  expect(created.$metadata.requestId).toMatch(/^[0-9a-f-]{36}$/);
  const { Role } = await aws.iam.send(new iam.GetRoleCommand({ RoleName }));
  expect(Role).toMatchObject({
    MaxSessionDuration: 3600,
    RoleLastUsed: {},
    Tags: [{ Key: "a", Value: "b" }],
  });
  expect(Role?.CreateDate?.getMilliseconds()).toBe(0);
});

test("policy documents come back URL-encoded exactly once", async () => {
  const aws = await openLocalAws();
  await aws.iam.send(create());
  const PolicyDocument = policy({ Action: "logs:*", Resource: "arn%3Aaws:(logs)*'!" });
  await aws.iam.send(new iam.PutRolePolicyCommand({ RoleName, PolicyName: "p", PolicyDocument }));
  const { PolicyDocument: answered = "" } = await aws.iam.send(
    new iam.GetRolePolicyCommand({ RoleName, PolicyName: "p" }),
  );
  expect(answered).toMatch(/^%7B%22Version%22%3A/);
  expect(answered).not.toMatch(/[!'()*]/);
  expect(decodeURIComponent(answered)).toBe(PolicyDocument);
  const { Role } = await aws.iam.send(new iam.GetRoleCommand({ RoleName }));
  expect(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? "")).toBe(lambdaTrust);
});

const tags = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ Key: `k${index}`, Value: "" }));

test("names and texts of IAM's refusals", async () => {
  const aws = await openLocalAws();
  await aws.iam.send(create());
  const role = (other: string) => ({ RoleName: other });
  const cases: [call: () => Promise<unknown>, name: string, status: number, message: RegExp][] = [
    [
      () => aws.iam.send(create()),
      "EntityAlreadyExistsException",
      409,
      /^Role with name proxy-role already exists\.$/,
    ],
    [
      () => aws.iam.send(create({ RoleName: "PROXY-role" })),
      "EntityAlreadyExistsException",
      409,
      /PROXY-role already exists/,
    ],
    [
      () => aws.iam.send(new iam.GetRoleCommand(role("absent"))),
      "NoSuchEntityException",
      404,
      /^The role with name absent cannot be found\.$/,
    ],
    [
      () => aws.iam.send(create({ RoleName: "b", AssumeRolePolicyDocument: "{" })),
      "MalformedPolicyDocumentException",
      400,
      /^This policy contains invalid Json$/,
    ],
    [
      () => aws.iam.send(create({ RoleName: "b", AssumeRolePolicyDocument: "{}" })),
      "MalformedPolicyDocumentException",
      400,
      /Syntax errors/,
    ],
    [
      () =>
        aws.iam.send(
          create({ RoleName: "b", AssumeRolePolicyDocument: policy({ Action: "sts:AssumeRole" }) }),
        ),
      "MalformedPolicyDocumentException",
      400,
      /Principal/,
    ],
    [
      () =>
        aws.iam.send(
          create({
            RoleName: "b",
            AssumeRolePolicyDocument: policy({ Principal: "*", Action: "sts:BadAssumeRole" }),
          }),
        ),
      "MalformedPolicyDocumentException",
      400,
      /^AssumeRole policy may only specify STS AssumeRole actions\.$/,
    ],
    [
      () => aws.iam.send(create({ RoleName: "b", Tags: ["a", "A"].map((Key) => ({ Key, Value: "" })) })),
      "InvalidInputException",
      400,
      /^Duplicate tag keys found\. Please note that Tag keys are case insensitive\.$/,
    ],
    [
      () => aws.iam.send(new iam.TagRoleCommand({ RoleName, Tags: tags(51) })),
      "ValidationError",
      400,
      /at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50$/,
    ],
    [
      async () => {
        await aws.iam.send(new iam.TagRoleCommand({ RoleName, Tags: tags(50) }));
        await aws.iam.send(new iam.TagRoleCommand({ RoleName, Tags: [{ Key: "more", Value: "" }] }));
      },
      "LimitExceededException",
      409,
      /50/,
    ],
    [
      () => aws.iam.send(create({ RoleName: "x".repeat(65) })),
      "ValidationError",
      400,
      /at 'roleName' .* length less than or equal to 64/,
    ],
    [
      () => aws.iam.send(create({ RoleName: "a b" })),
      "ValidationError",
      400,
      /at 'roleName' .* regular expression pattern/,
    ],
    [
      () => aws.iam.send(new iam.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: undefined })),
      "ValidationError",
      400,
      /^1 validation error detected: Value null at 'assumeRolePolicyDocument' .*: Member must not be null$/,
    ],
    [
      () =>
        aws.iam.send(new iam.AttachRolePolicyCommand({ RoleName, PolicyArn: "not an ARN but long enough" })),
      "ValidationError",
      400,
      /^Invalid ARN: {2}Could not be parsed!$/,
    ],
    [
      () =>
        aws.iam.send(
          new iam.AttachRolePolicyCommand({ RoleName, PolicyArn: "arn:aws:iam::000000000000:policy/mine" }),
        ),
      "NoSuchEntityException",
      404,
      /does not exist or is not attachable/,
    ],
    [
      () => aws.iam.send(new iam.GetRolePolicyCommand({ RoleName, PolicyName: "none" })),
      "NoSuchEntityException",
      404,
      /^The role policy with name none cannot be found\.$/,
    ],
    [
      () =>
        aws.iam.send(
          new iam.PutRolePolicyCommand({
            RoleName,
            PolicyName: "big",
            PolicyDocument: policy({ Action: "a".repeat(10_240), Resource: "*" }),
          }),
        ),
      "LimitExceededException",
      409,
      /10240 bytes exceeded for role proxy-role/,
    ],
  ];
  for (const [call, name, status, message] of cases)
    expect(await refusal(call())).toEqual({ name, status, message: expect.stringMatching(message) });
});

test("a role is deleted only when nothing hangs on it", async () => {
  const aws = await openLocalAws();
  const PolicyArn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
  await aws.iam.send(create());
  await aws.iam.send(new iam.AttachRolePolicyCommand({ RoleName, PolicyArn }));
  await aws.iam.send(new iam.AttachRolePolicyCommand({ RoleName, PolicyArn }));
  await aws.iam.send(
    new iam.PutRolePolicyCommand({
      RoleName,
      PolicyName: "p",
      PolicyDocument: policy({ Action: "logs:*", Resource: "*" }),
    }),
  );
  const attached = await aws.iam.send(new iam.ListAttachedRolePoliciesCommand({ RoleName }));
  expect(attached.AttachedPolicies).toEqual([{ PolicyArn, PolicyName: "AWSLambdaBasicExecutionRole" }]);
  const remove = () => aws.iam.send(new iam.DeleteRoleCommand({ RoleName }));
  expect(await refusal(remove())).toMatchObject({
    name: "DeleteConflictException",
    message: "Cannot delete entity, must detach all policies first.",
  });
  await aws.iam.send(new iam.DetachRolePolicyCommand({ RoleName, PolicyArn }));
  expect(await refusal(remove())).toMatchObject({
    message: "Cannot delete entity, must delete policies first.",
  });
  await aws.iam.send(new iam.DeleteRolePolicyCommand({ RoleName, PolicyName: "p" }));
  await remove();
  expect(await refusal(remove())).toMatchObject({ name: "NoSuchEntityException", status: 404 });
});

test("tags, description and trust can be changed and read back", async () => {
  const aws = await openLocalAws();
  await aws.iam.send(create({ Tags: [{ Key: "a", Value: "1" }] }));
  await aws.iam.send(
    new iam.TagRoleCommand({
      RoleName,
      Tags: [
        { Key: "b", Value: "2" },
        { Key: "a", Value: "3" },
      ],
    }),
  );
  await aws.iam.send(new iam.UntagRoleCommand({ RoleName, TagKeys: ["b"] }));
  expect((await aws.iam.send(new iam.ListRoleTagsCommand({ RoleName }))).Tags).toEqual([
    { Key: "a", Value: "3" },
  ]);
  await aws.iam.send(new iam.UpdateRoleCommand({ RoleName, Description: "new", MaxSessionDuration: 7200 }));
  const trust = policy({ Principal: { Service: "edgelambda.amazonaws.com" }, Action: "sts:AssumeRole" });
  await aws.iam.send(new iam.UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: trust }));
  const { Role } = await aws.iam.send(new iam.GetRoleCommand({ RoleName }));
  expect(Role).toMatchObject({
    Description: "new",
    MaxSessionDuration: 7200,
    AssumeRolePolicyDocument: encodeURIComponent(trust),
  });
});

test("no role is in an instance profile, and one that is not there is missed", async () => {
  const aws = await openLocalAws();
  await aws.iam.send(create());
  const list = (RoleName: string) => aws.iam.send(new iam.ListInstanceProfilesForRoleCommand({ RoleName }));
  expect(await list(RoleName)).toMatchObject({ InstanceProfiles: [], IsTruncated: false });
  expect(await refusal(list("none"))).toMatchObject({ name: "NoSuchEntityException", status: 404 });
});

test("lists of roles have pages, and IAM is the same in every region", async () => {
  const aws = await openLocalAws({ pageSize: 2 });
  for (const name of ["a", "b", "c"]) await aws.iam.send(create({ RoleName: name }));
  const names: (string | undefined)[] = [];
  for await (const page of iam.paginateListRoles({ client: aws.in("eu-west-1").iam }, {})) {
    expect(page.Roles?.length).toBeLessThanOrEqual(2);
    names.push(...(page.Roles ?? []).map((role) => role.RoleName));
  }
  expect(names).toEqual(["a", "b", "c"]);
  expect(await refusal(aws.iam.send(new iam.ListRolesCommand({ Marker: "made up" })))).toMatchObject({
    name: "ValidationError",
  });
});

test("SimulatePrincipalPolicy decides by the role's own policies", async () => {
  const aws = await openLocalAws();
  const PolicySourceArn = await makeRole(aws);
  const simulate = new iam.SimulatePrincipalPolicyCommand({
    PolicySourceArn,
    ActionNames: ["logs:PutLogEvents", "execute-api:ManageConnections"],
  });
  const { EvaluationResults = [] } = await aws.iam.send(simulate);
  expect(EvaluationResults.map(({ EvalDecision }) => EvalDecision)).toEqual(["allowed", "implicitDeny"]);
});

test("every caller is the account's local user, and can assume a role that is there", async () => {
  const aws = await openLocalAws({ account: "123456789012" });
  const identity = await aws.sts.send(new GetCallerIdentityCommand({}));
  expect(identity).toMatchObject({ Account: "123456789012", Arn: "arn:aws:iam::123456789012:user/local" });
  const RoleArn = await makeRole(aws);
  const assumed = await aws.sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "me" }));
  expect(assumed.AssumedRoleUser?.Arn).toBe("arn:aws:sts::123456789012:assumed-role/proxy-role/me");
  expect(assumed.Credentials?.Expiration?.getTime()).toBeGreaterThan(Date.now());
  const other = new AssumeRoleCommand({ RoleArn: `${RoleArn}-other`, RoleSessionName: "me" });
  expect(await refusal(aws.sts.send(other))).toMatchObject({ name: "AccessDenied", status: 403 });
});

test("names and texts of AssumeRole's refusals (AWS.md 6.8)", async () => {
  const aws = await openLocalAws();
  const RoleArn = await makeRole(aws);
  const cases: [given: object, name: string, message: string][] = [
    [{ RoleArn: "this is no ARN at all" }, "ValidationError", "this is no ARN at all is invalid"],
    [
      { RoleArn: "arn:aws:iam::000000000000:user/ann" },
      "ValidationError",
      "arn:aws:iam::000000000000:user/ann is invalid",
    ],
    [
      { RoleSessionName: "S1:2" },
      "ValidationError",
      "1 validation error detected: Value 'S1:2' at 'roleSessionName' failed to satisfy constraint: " +
        String.raw`Member must satisfy regular expression pattern: [\w+=,.@-]*`,
    ],
    [
      { DurationSeconds: 3601 },
      "ValidationError",
      "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    ],
  ];
  for (const [given, name, message] of cases)
    expect(
      await refusal(aws.sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "me", ...given }))),
    ).toEqual({ name, status: 400, message });
});

const PolicyArn = "arn:aws:iam::000000000000:policy/team/mine";
const allowing = (Action: string) => policy({ Action, Resource: "*" });

/** Creates a managed policy of the account's own. */
const createPolicy = (Action: string) =>
  new iam.CreatePolicyCommand({ PolicyName: "mine", Path: "/team/", PolicyDocument: allowing(Action) });

test("a customer managed policy has versions, tags and roles, and is answered as by IAM", async () => {
  const aws = await openLocalAws();
  await aws.iam.send(create());
  const { Policy } = await aws.iam.send(createPolicy("logs:*"));
  expect(Policy).toMatchObject({
    PolicyId: expect.stringMatching(/^ANPA[A-Z2-7]{17}$/),
    Arn: PolicyArn,
    DefaultVersionId: "v1",
    AttachmentCount: 0,
    IsAttachable: true,
  });
  await aws.iam.send(new iam.AttachRolePolicyCommand({ RoleName, PolicyArn }));
  await aws.iam.send(new iam.TagPolicyCommand({ PolicyArn, Tags: [{ Key: "a", Value: "1" }] }));
  const version = new iam.CreatePolicyVersionCommand({
    PolicyArn,
    PolicyDocument: allowing("lambda:*"),
    SetAsDefault: true,
  });
  expect((await aws.iam.send(version)).PolicyVersion).toMatchObject({
    VersionId: "v2",
    IsDefaultVersion: true,
  });
  const got = await aws.iam.send(new iam.GetPolicyCommand({ PolicyArn }));
  expect(got.Policy).toMatchObject({
    DefaultVersionId: "v2",
    AttachmentCount: 1,
    Tags: [{ Key: "a", Value: "1" }],
  });
  const second = await aws.iam.send(new iam.GetPolicyVersionCommand({ PolicyArn, VersionId: "v2" }));
  expect(decodeURIComponent(second.PolicyVersion?.Document ?? "")).toBe(allowing("lambda:*"));
  const { Versions = [] } = await aws.iam.send(new iam.ListPolicyVersionsCommand({ PolicyArn }));
  expect(Versions.map(({ VersionId }) => VersionId)).toEqual(["v2", "v1"]);
  const { Policies } = await aws.iam.send(
    new iam.ListPoliciesCommand({ Scope: "Local", PathPrefix: "/team/" }),
  );
  expect(Policies).toMatchObject([{ PolicyName: "mine" }]);
  const entities = await aws.iam.send(
    new iam.ListEntitiesForPolicyCommand({ PolicyArn, EntityFilter: "Role" }),
  );
  expect(entities.PolicyRoles).toMatchObject([{ RoleName }]);
  const attached = await aws.iam.send(new iam.ListAttachedRolePoliciesCommand({ RoleName }));
  expect(attached.AttachedPolicies).toEqual([{ PolicyArn, PolicyName: "mine" }]);
});

test("a managed policy is deleted only when nothing hangs on it", async () => {
  const aws = await openLocalAws();
  await aws.iam.send(create());
  await aws.iam.send(createPolicy("logs:*"));
  await aws.iam.send(new iam.AttachRolePolicyCommand({ RoleName, PolicyArn }));
  const another = new iam.CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: allowing("lambda:*") });
  for (let made = 1; made < 5; made += 1) await aws.iam.send(another);
  const remove = () => aws.iam.send(new iam.DeletePolicyCommand({ PolicyArn }));
  const removeVersion = (VersionId: string) =>
    aws.iam.send(new iam.DeletePolicyVersionCommand({ PolicyArn, VersionId }));
  const refused = async (call: Promise<unknown>) => {
    const { name, message } = await refusal(call);
    return [name, message];
  };
  expect(await refused(aws.iam.send(createPolicy("s3:*")))).toEqual([
    "EntityAlreadyExistsException",
    "A policy called mine already exists. Duplicate names are not allowed.",
  ]);
  expect((await refused(aws.iam.send(another)))[0]).toBe("LimitExceededException");
  expect(await refused(remove())).toEqual([
    "DeleteConflictException",
    "Cannot delete a policy attached to entities.",
  ]);
  await aws.iam.send(new iam.DetachRolePolicyCommand({ RoleName, PolicyArn }));
  expect((await refused(remove()))[1]).toMatch(/^This policy has more than one version\./);
  expect(await refused(removeVersion("v1"))).toEqual([
    "DeleteConflictException",
    "Cannot delete the default version of a policy.",
  ]);
  await aws.iam.send(new iam.SetDefaultPolicyVersionCommand({ PolicyArn, VersionId: "v3" }));
  for (const id of ["v1", "v2", "v4", "v5"]) await removeVersion(id);
  await remove();
  expect(await refused(aws.iam.send(new iam.GetPolicyCommand({ PolicyArn })))).toEqual([
    "NoSuchEntityException",
    `Policy ${PolicyArn} was not found.`,
  ]);
});
