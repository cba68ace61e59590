import { randomBytes } from "node:crypto";
import type * as sdk from "@aws-sdk/client-sts";
import { AwsError } from "../aws-error.ts";
import type { Operations } from "./operations.ts";
import type { World } from "../state.ts";
import type { Constraints } from "../wire/validation.ts";

/** Lengths and patterns of STS's model. */
export const stsConstraints: Constraints = {
  RoleArn: { min: 20, max: 2048 },
  RoleSessionName: { min: 2, max: 64, pattern: /[\w+=,.@-]*/ },
  DurationSeconds: { min: 900, max: 43_200 },
};

/** STS: everybody is the account's user `local`, whatever keys a request is signed with. */
export function sts(world: World): Operations<typeof sdk> {
  return {
    GetCallerIdentity: () => ({ Account: world.account, Arn: `arn:aws:iam::${world.account}:user/local`, UserId: "AIDALOCALLOCALLOCALL" }),
    AssumeRole({ RoleArn, RoleSessionName, DurationSeconds = 3600 }, { now }) {
      const role = [...world.state.roles.values()].find(({ arn }) => arn === RoleArn);
      if (!role) {
        const caller = `arn:aws:iam::${world.account}:user/local`;
        throw new AwsError("AccessDenied", `User: ${caller} is not authorized to perform: sts:AssumeRole on resource: ${RoleArn}`, {
          status: 403,
        });
      }
      return {
        AssumedRoleUser: {
          AssumedRoleId: `${role.id}:${RoleSessionName}`,
          Arn: `arn:aws:sts::${world.account}:assumed-role/${role.name}/${RoleSessionName}`,
        },
        Credentials: {
          AccessKeyId: `ASIA${randomBytes(8).toString("hex").toUpperCase()}`,
          SecretAccessKey: randomBytes(30).toString("base64"),
          SessionToken: randomBytes(60).toString("base64"),
          Expiration: new Date(now + DurationSeconds * 1000),
        },
      };
    },
  };
}
