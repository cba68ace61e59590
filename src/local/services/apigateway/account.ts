import type * as sdk from "@aws-sdk/client-api-gateway";
import { all } from "../../wire/members.ts";
import { operations, type At } from "../operations.ts";
import type { Apigateway } from "./api-state.ts";
import { badRequest } from "./refusals.ts";

const op = operations<typeof sdk, Apigateway>();

/** The service that has to be trusted by the account's role for logs. */
const WRITER = "apigateway.amazonaws.com";
const needed = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"];

/**
 * The account's settings in one region, which are API Gateway v1's: the role with which every API writes its
 * logs (AWS.md 3.7).
 */
export const accountOperations = [
  op("GetAccount", {}, (_input, at) => shapeOf(at)),
  op("UpdateAccount", { patchOperations: { op: all, path: all, value: all } }, (input, at) => {
    for (const { op: action, path, value } of input.patchOperations ?? []) {
      if (action !== "replace" || path !== "/cloudwatchRoleArn")
        throw badRequest(`Invalid patch operation specified: ${action} ${path}`);
      if (value) refuseUnfit(at, value);
      const state = at.state.in(at.region);
      if (value) state.logRole = value;
      else delete state.logRole;
    }
    return shapeOf(at);
  }),
];

const shapeOf = ({ state, region }: Apigateway & At): sdk.Account => {
  const { logRole } = state.in(region);
  return {
    ...(logRole === undefined ? {} : { cloudwatchRoleArn: logRole }),
    throttleSettings: { burstLimit: 5_000, rateLimit: 10_000 },
    features: ["UsagePlans"],
    apiKeyVersion: "4",
  };
};

/** A role that was only just made is refused too, until IAM knows it everywhere; the text is unverified. */
function refuseUnfit({ roles, now }: Apigateway & At, arn: string): void {
  const isFit =
    roles.mayAssume(arn, WRITER, now) &&
    needed.every((action) => roles.mayDo(arn, { action, resource: "arn:aws:logs:*:*:log-group:any" }));
  if (!isFit)
    throw badRequest(
      "The role ARN does not have required permissions configured. Please grant trust permission for " +
        "API Gateway and add the required role policy.",
    );
}
