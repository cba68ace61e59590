import { randomBytes } from "node:crypto";
import * as sdk from "@aws-sdk/client-amplify";
import { AwsError } from "../../aws-error.ts";
import type { Host } from "../../host.ts";
import { all, kept } from "../../wire/members.ts";
import { restJson } from "../../wire/rest-json.ts";
import { operations, type At } from "../operations.ts";
import { service } from "../service.ts";
import { regional, type Regional } from "../state.ts";
import { authorization } from "./access.ts";
import { constraints } from "./constraints.ts";

interface AppState {
  app: sdk.App;
  branches: Map<string, sdk.Branch>;
}
interface AmplifyState {
  apps: Map<string, AppState>;
}
interface Amplify {
  host: Host;
  state: Regional<AmplifyState>;
}

const op = operations<typeof sdk, Amplify>();

/** What a creation and a change of an app, and of a branch, have in common. */
const settings = { description: kept, environmentVariables: all } as const;

/** AWS Amplify, as far as the variables of apps and branches go (AWS.md 7.5). Nothing is built or hosted. */
export const amplify = service({
  name: "amplify",
  sdk,
  protocol: restJson,
  invalidInput: "BadRequestException",
  constraints,
  needs: {},
  state: regional<AmplifyState>(() => ({ apps: new Map() })),
  operations: [
    op("CreateApp", { ...settings, name: kept }, (given, at) => {
      const app = newApp(given, at);
      at.state.in(at.region).apps.set(app.appId ?? "", { app, branches: new Map() });
      return { app };
    }),
    op("GetApp", { appId: all }, ({ appId }, at) => ({ app: findApp(at, appId).app })),
    op("UpdateApp", { ...settings, appId: all, name: kept }, ({ appId, ...changes }, at) => {
      const found = findApp(at, appId);
      found.app = changed(found.app, changes, at);
      return { app: found.app };
    }),
    op("CreateBranch", { ...settings, appId: all, branchName: all }, ({ appId, ...given }, at) => {
      const { branches } = findApp(at, appId);
      if (branches.has(given.branchName))
        throw new AwsError("BadRequestException", `The branch ${given.branchName} exists already`);
      const branch = newBranch(appId, given, at);
      branches.set(given.branchName, branch);
      return { branch };
    }),
    op("GetBranch", { appId: all, branchName: all }, ({ appId, branchName }, at) => ({
      branch: findBranch(at, appId, branchName),
    })),
    op("UpdateBranch", { ...settings, appId: all, branchName: all }, (input, at) => {
      const { appId, branchName, ...changes } = input;
      const branch = changed(findBranch(at, appId, branchName), changes, at);
      findApp(at, appId).branches.set(branchName, branch);
      return { branch };
    }),
  ],
  open: ({ host, state }) => ({ parts: { host, state }, port: undefined, authorization }),
});

function newApp({ name, ...given }: Pick<sdk.CreateAppRequest, "name"> & Changes, at: Amplify & At): sdk.App {
  const appId = `d${randomBytes(7).toString("hex").slice(0, 13)}`;
  const now = new Date(at.now);
  return {
    appId,
    appArn: `arn:aws:amplify:${at.region}:${at.host.account}:apps/${appId}`,
    name,
    description: given.description ?? "",
    environmentVariables: given.environmentVariables ?? {},
    repository: "",
    platform: "WEB",
    defaultDomain: `${appId}.amplifyapp.com`,
    enableBranchAutoBuild: false,
    enableBasicAuth: false,
    createTime: now,
    updateTime: now,
  };
}

function newBranch(
  appId: string,
  { branchName, ...given }: { branchName: string } & Changes,
  at: Amplify & At,
): sdk.Branch {
  const now = new Date(at.now);
  return {
    branchArn:
      `arn:aws:amplify:${at.region}:${at.host.account}:apps/${appId}` +
      `/branches/${encodeURIComponent(branchName)}`,
    branchName,
    description: given.description ?? "",
    environmentVariables: given.environmentVariables ?? {},
    stage: "DEVELOPMENT",
    displayName: branchName,
    enableNotification: false,
    enableAutoBuild: true,
    customDomains: [],
    framework: "",
    activeJobId: "0",
    totalNumberOfJobs: "0",
    enableBasicAuth: false,
    ttl: "5",
    enablePullRequestPreview: false,
    createTime: now,
    updateTime: now,
  };
}

interface Changes {
  description?: string | undefined;
  environmentVariables?: Record<string, string> | undefined;
}

/** What is given replaces what was there, the map of the variables as a whole. */
const changed = <Of extends sdk.App | sdk.Branch>(of: Of, changes: Changes, { now }: At): Of => ({
  ...of,
  ...Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)),
  updateTime: new Date(now),
});

const notFound = (what: string): AwsError => new AwsError("NotFoundException", `${what} not found.`);

function findApp({ state, region }: Amplify & At, appId: string): AppState {
  const found = state.in(region).apps.get(appId);
  if (!found) throw notFound(`App ${appId}`);
  return found;
}

function findBranch(at: Amplify & At, appId: string, branchName: string): sdk.Branch {
  const found = findApp(at, appId).branches.get(branchName);
  if (!found) throw notFound(`Branch ${branchName}`);
  return found;
}
