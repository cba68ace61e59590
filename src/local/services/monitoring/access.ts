import type { Authorization } from "../access.ts";

/** Metrics have no resources of their own. */
export const authorization: Authorization = {
  error: "AccessDenied",
  status: 403,
  accesses: ({ operation }) => [{ action: `cloudwatch:${operation}`, resource: "*" }],
};
