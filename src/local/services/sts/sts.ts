import type * as sdk from "@aws-sdk/client-sts";
import { AwsError } from "../../aws-error.ts";
import { credentialsFor, sessionArn } from "../iam/sessions.ts";
import type { Operations } from "../operations.ts";
import type { World } from "../../state.ts";

/**
 * STS: who signs with the credentials of a role's session is that, everybody else is the account's user
 * `local`.
 */
export function sts(world: World): Operations<typeof sdk> {
  return {
    GetCallerIdentity: (_input, { session }) => ({
      Account: world.account,
      Arn: session ? sessionArn(world, session) : `arn:aws:iam::${world.account}:user/local`,
      UserId: session ? `AROALOCALLOCALLOCALL:${session.name}` : "AIDALOCALLOCALLOCALL",
    }),
    AssumeRole({ RoleArn, RoleSessionName, DurationSeconds = 3600 }, { now }) {
      const role = [...world.state.roles.values()].find(({ arn }) => arn === RoleArn);
      if (!role) {
        const caller = `arn:aws:iam::${world.account}:user/local`;
        throw new AwsError(
          "AccessDenied",
          `User: ${caller} is not authorized to perform: sts:AssumeRole on resource: ${RoleArn}`,
          {
            status: 403,
          },
        );
      }
      const session = { roleArn: role.arn, name: RoleSessionName };
      return {
        AssumedRoleUser: { AssumedRoleId: `${role.id}:${RoleSessionName}`, Arn: sessionArn(world, session) },
        Credentials: { ...credentialsFor(session), Expiration: new Date(now + DurationSeconds * 1000) },
      };
    },
  };
}
