import { hasTags, type Authorization } from "../access.ts";

/**
 * The actions are HTTP's methods, on the path of the call without its version and without a slash at its end,
 * which would make it the beginning of what is below. What is made with tags needs the permission to tag
 * besides (AWS.md 6.9).
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
    ];
  },
};
