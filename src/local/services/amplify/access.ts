import { textOf, type Authorization } from "../access.ts";

/** The operation, on the app that it names, or on the app's branch; a new app has no id yet. */
export const authorization: Authorization = {
  error: "AccessDeniedException",
  status: 403,
  accesses({ operation, input, region, account }) {
    const [app, branch] = [textOf(input["appId"]) || "*", textOf(input["branchName"])];
    const resource = `arn:aws:amplify:${region}:${account}:apps/${app}`;
    const isBranch = branch !== "" && operation !== "CreateBranch";
    return [
      {
        action: `amplify:${operation}`,
        resource: isBranch ? `${resource}/branches/${encodeURIComponent(branch)}` : resource,
      },
    ];
  },
};
