import {
  AmplifyClient,
  CreateAppCommand,
  CreateBranchCommand,
  GetAppCommand,
  GetBranchCommand,
  UpdateAppCommand,
  UpdateBranchCommand,
} from "@aws-sdk/client-amplify";
import { expect, onTestFinished, test } from "vitest";
import { openLocalAws, refusal } from "../support/local-aws.ts";

test("an update replaces all variables of an app or a branch (AWS.md 7.5)", async () => {
  const aws = await openLocalAws();
  const amplify = new AmplifyClient({
    endpoint: aws.url,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
    maxAttempts: 1,
  });
  onTestFinished(() => amplify.destroy());
  const environmentVariables = { A: "1", B: "2" };
  const { app } = await amplify.send(new CreateAppCommand({ name: "shop", environmentVariables }));
  const appId = app?.appId ?? "";
  expect(app).toMatchObject({ name: "shop", environmentVariables });
  const branchName = "feature/a";
  await amplify.send(new CreateBranchCommand({ appId, branchName, environmentVariables }));
  await amplify.send(new UpdateAppCommand({ appId, environmentVariables: { C: "3" } }));
  await amplify.send(new UpdateAppCommand({ appId, description: "changed" }));
  expect((await amplify.send(new GetAppCommand({ appId }))).app).toMatchObject({
    name: "shop",
    description: "changed",
    environmentVariables: { C: "3" },
  });
  const branch = async () =>
    (await amplify.send(new GetBranchCommand({ appId, branchName }))).branch?.environmentVariables;
  expect(await branch()).toEqual(environmentVariables);
  await amplify.send(new UpdateBranchCommand({ appId, branchName, environmentVariables: { A: "2" } }));
  expect(await branch()).toEqual({ A: "2" });
  expect(await refusal(amplify.send(new GetBranchCommand({ appId, branchName: "b" })))).toMatchObject({
    name: "NotFoundException",
    status: 404,
  });
});
