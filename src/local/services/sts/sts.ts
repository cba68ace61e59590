import * as sdk from "@aws-sdk/client-sts";
import { AwsError } from "../../aws-error.ts";
import type { Host } from "../../host.ts";
import { all } from "../../wire/members.ts";
import { query } from "../../wire/query.ts";
import { iam, type Roles } from "../iam/iam.ts";
import { sessionArn, sessionToken, userToken } from "../iam/sessions.ts";
import { operations } from "../operations.ts";
import { service } from "../service.ts";
import { global } from "../state.ts";
import { authorization } from "./access.ts";
import { constraints } from "./constraints.ts";
import { mfaDevices, type RefuseMfa } from "./mfa.ts";

interface Sts {
  host: Host;
  roles: Roles;
  refuseMfa: RefuseMfa;
}

const op = operations<typeof sdk, Sts>();

/**
 * STS: a caller that signs with the credentials of a role's session is that session, every other one is the
 * account's user `local`.
 */
export const sts = service({
  name: "sts",
  sdk,
  protocol: (shapes) => query(shapes, "https://sts.amazonaws.com/doc/2011-06-15/"),
  invalidInput: "ValidationError",
  constraints,
  needs: { roles: iam },
  state: global(() => ({})),
  operations: [
    op("GetCallerIdentity", {}, (_input, { host, roles, session }) => {
      const { arn, userId } = roles.caller(session);
      return { Account: host.account, Arn: arn, UserId: userId };
    }),
    op(
      "GetSessionToken",
      { DurationSeconds: all },
      ({ DurationSeconds = 43_200 }, { host, session, now }) => {
        if (session)
          throw new AwsError("AccessDenied", "Cannot call GetSessionToken with session credentials", {
            status: 403,
          });
        return {
          Credentials: {
            ...host.keys.temporary(userToken()),
            Expiration: new Date(now + DurationSeconds * 1000),
          },
        };
      },
    ),
    op(
      "AssumeRole",
      { RoleArn: all, RoleSessionName: all, DurationSeconds: all, SerialNumber: all, TokenCode: all },
      (
        { RoleArn, RoleSessionName, DurationSeconds = 3600, ...mfa },
        { host, roles, session: caller, now, refuseMfa },
      ) => {
        if (!/^arn:[\w-]+:iam::\d{12}:role\/./.test(RoleArn))
          throw new AwsError("ValidationError", `${RoleArn} is invalid`);
        const role = roles.byArn(RoleArn);
        if (role && DurationSeconds > role.maxSessionDuration)
          throw new AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
          );
        if (!role)
          throw new AwsError(
            "AccessDenied",
            `User: ${roles.caller(caller).arn} is not authorized to perform: sts:AssumeRole on resource: ` +
              RoleArn,
            { status: 403 },
          );
        refuseMfa(mfa);
        const session = { roleArn: role.arn, name: RoleSessionName };
        return {
          AssumedRoleUser: {
            AssumedRoleId: `${role.id}:${RoleSessionName}`,
            Arn: sessionArn(host.account, session),
          },
          Credentials: {
            ...host.keys.temporary(sessionToken(session)),
            Expiration: new Date(now + DurationSeconds * 1000),
          },
        };
      },
    ),
  ],
  open: ({ host, roles }) => ({
    parts: { host, roles, refuseMfa: mfaDevices(host.account) },
    port: undefined,
    authorization,
  }),
});
