import { textOf, type Authorization } from "../access.ts";

/** GetCallerIdentity cannot be denied (AWS.md 6.8); a session needs the right to assume another role. */
export const authorization: Authorization = {
  error: "AccessDenied",
  status: 403,
  accesses: ({ operation, input }) =>
    operation === "AssumeRole" ? [{ action: "sts:AssumeRole", resource: textOf(input["RoleArn"]) }] : [],
};
