import { hasTags, textOf, type Access, type Authorization } from "../access.ts";

/**
 * The actions are HTTP's methods, on the path of the call without its version and without a slash at its end,
 * which would make it the beginning of what is below. What is made with tags needs the permission to tag
 * besides, and a role that is set for logs has to be passed (AWS.md 6.9).
 */
export const authorization: Authorization = {
  error: "AccessDeniedException",
  status: 403,
  accesses({ method, path, input, operation, region }) {
    const resource = `arn:aws:apigateway:${region}::${decodeURIComponent(path.replace(/^\/v2|\/$/g, ""))}`;
    const tags = operation.startsWith("Create") && hasTags(input["Tags"]);
    return [
      { action: `apigateway:${method}`, resource },
      ...(tags ? [{ action: "apigateway:TagResource", resource }] : []),
      ...(operation === "UpdateAccount" ? passedIn(input["patchOperations"]) : []),
    ];
  },
};

/** The roles that a change of the account sets. */
const passedIn = (patches: unknown): Access[] =>
  (Array.isArray(patches) ? patches : [])
    .map((patch: { value?: unknown }) => textOf(patch.value))
    .filter((value) => value !== "")
    .map((value) => ({
      action: "iam:PassRole",
      resource: value,
      context: { "iam:passedtoservice": "apigateway.amazonaws.com" },
    }));
