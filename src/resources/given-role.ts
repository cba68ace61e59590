import type { RoleResource } from "./role.ts";

/**
 * A role that others own: it is passed to Lambda and never changed or deleted. Nothing is asked about
 * it here, as its user may not be allowed to read it.
 */
export const givenRole = (arn: string): RoleResource => ({
  id: "Role",
  type: "AWS::IAM::Role",
  name: arn,
  needs: {},
  foundBy: "name",
  list: async () => [{ attributes: { Arn: arn }, properties: {}, isForeign: true }],
});
