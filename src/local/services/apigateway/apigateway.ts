import { GetAccount$, UpdateAccount$ } from "@aws-sdk/client-api-gateway";
import * as sdk from "@aws-sdk/client-apigatewayv2";
import type { ServedStage } from "../../gateway/contract.ts";
import { restJson } from "../../wire/rest-json.ts";
import { iam } from "../iam/iam.ts";
import { service } from "../service.ts";
import { regional } from "../state.ts";
import { accountOperations } from "./account.ts";
import type { ApigatewayState } from "./api-state.ts";
import { apiOperations } from "./apis.ts";
import { authorizerOperations } from "./authorizers.ts";
import { authorization } from "./access.ts";
import { constraints } from "./constraints.ts";
import { limits } from "./guard.ts";
import { integrationResponseOperations } from "./integration-responses.ts";
import { routeOperations } from "./routes.ts";
import { servedStage, stageOperations } from "./stages.ts";

/** What API Gateway lends. */
export interface Stages {
  /** What a stage serves to clients; undefined when it serves nothing. */
  servedStage(apiId: string, stage: string): ServedStage | undefined;
  /** The ARN of the account's role for API Gateway's logs; undefined where none is set. */
  logRole(region: string): string | undefined;
}

/**
 * API Gateway v2's control plane, for WebSocket APIs (AWS.md 3). Models and domain names are not emulated.
 */
export const apigateway = service({
  name: "apigateway",
  // The account's settings are those of API Gateway v1 (AWS.md 3.7).
  sdk: { ...sdk, GetAccount$, UpdateAccount$ },
  protocol: restJson,
  invalidInput: "BadRequestException",
  constraints,
  needs: { roles: iam },
  state: regional<ApigatewayState>(() => ({ apis: new Map() })),
  operations: [
    ...accountOperations,
    ...apiOperations,
    ...authorizerOperations,
    ...routeOperations,
    ...integrationResponseOperations,
    ...stageOperations,
  ],
  open({ host, state, roles }) {
    const parts = { host, state, roles, deployedAt: new Map<string, number>() };
    const port: Stages = {
      servedStage: (apiId, stage) => servedStage(parts, apiId, stage),
      logRole: (region) => state.in(region).logRole,
    };
    return { parts, port, guard: limits(host), authorization };
  },
});
