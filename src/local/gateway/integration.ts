import type { GatewayOptions, MockIntegration, ServedRoute, ServedStage } from "./contract.ts";
import { mockAnswer } from "./mock.ts";
import { readProxyAnswer, type ProxyAnswer } from "./proxy-answer.ts";

/**
 * How the call of a route's integration ended. A failure is one of three that a client can tell apart at the
 * handshake: the API is not set up to call the function (500), the function failed or its answer is malformed
 * (502), it took too long (504).
 */
export type Outcome = (
  | { kind: "answered"; answer: ProxyAnswer }
  | { kind: "failed"; failure: "configuration" | "function" | "timeout"; message: string }
) & {
  /** Lambda's id of the invocation, where there was one. */
  lambdaRequestId?: string | undefined;
};

/** An event of a route, as far as the gateway itself reads it. */
export interface RouteEvent {
  requestContext: object;
  body?: string;
}

const longestTimeoutMs = 29_000;
const functionArn = String.raw`arn:aws[\w-]*:lambda:[\w-]+:\d{12}:function:[\w-]+(?::[\w$-]+)?`;
const invokeUri = new RegExp(
  String.raw`^arn:aws[\w-]*:apigateway:[\w-]+:lambda:path/2015-03-31/functions/(${functionArn})/invocations$`,
);

/**
 * Lambda's answers without calling the function. Its throttling is no 429 to the client (AWS.md
 * 1.14).
 */
const refusals = {
  forbidden: "invalid permissions on the Lambda function",
  missing: "the Lambda function does not exist",
  throttled: "the Lambda function was throttled",
} as const;

/**
 * Calls the function behind a route with one event and checks its answer.
 *
 * `AWS_PROXY` and `MOCK` are emulated; the control plane takes no other type. A route without a target
 * answers 200 and calls nothing.
 */
export async function callIntegration(
  {
    invoke,
    integrationTimeoutMs = longestTimeoutMs,
  }: Pick<GatewayOptions, "invoke" | "integrationTimeoutMs">,
  stage: ServedStage,
  { routeKey, integration }: ServedRoute,
  event: RouteEvent,
): Promise<Outcome> {
  if (!integration) return { kind: "answered", answer: { statusCode: 200 } };
  if (integration.mock) return mockOutcome(integration.mock, event);
  if (integration.type !== "AWS_PROXY")
    return failed("configuration", `integrations of type ${integration.type} are not emulated`);
  const arn = functionArnOf(integration.uri, stage.stageVariables);
  if (!arn)
    return failed("configuration", `the integration uri ${integration.uri} does not name a Lambda function`);
  const { region, account, apiId } = stage;
  const sourceArn = `arn:aws:execute-api:${region}:${account}:${apiId}/${stage.stage}/${routeKey}`;
  const call = invoke({ functionArn: arn, sourceArn, account, event }).then(
    (answer) => outcomeOf(answer),
    (error: unknown) => failed("configuration", `the Lambda function could not be called: ${String(error)}`),
  );
  return within(Math.min(integration.timeoutMs, integrationTimeoutMs), call);
}

/**
 * The function that an integration's uri names (AWS.md 3.2), with its stage variables filled in (1.15);
 * `undefined` for any other form, which AWS accepts in the configuration and fails when it is called.
 */
export function functionArnOf(uri: string, stageVariables: Record<string, string>): string | undefined {
  const filled = uri.replaceAll(/\$\{stageVariables\.(\w+)\}/g, (_, name: string) =>
    Object.hasOwn(stageVariables, name) ? (stageVariables[name] ?? "") : "",
  );
  return invokeUri.exec(filled)?.[1];
}

function outcomeOf(lambda: Awaited<ReturnType<GatewayOptions["invoke"]>>): Outcome {
  if (lambda.kind !== "answered") return failed("configuration", refusals[lambda.kind]);
  const { requestId } = lambda;
  if (lambda.functionError !== undefined) {
    const message = `the Lambda function failed: ${lambda.payload.slice(0, 1000)}`;
    return { ...failed("function", message), lambdaRequestId: requestId };
  }
  const answer = readProxyAnswer(lambda.payload);
  return answer
    ? { kind: "answered", answer, lambdaRequestId: requestId }
    : {
        ...failed("function", `malformed Lambda proxy response: ${lambda.payload.slice(0, 1000)}`),
        lambdaRequestId: requestId,
      };
}

function mockOutcome(mock: MockIntegration, event: RouteEvent): Outcome {
  const answer = mockAnswer(mock, event);
  return answer
    ? { kind: "answered", answer }
    : failed("configuration", "the MOCK integration's request template makes no JSON with a statusCode");
}

function failed(failure: "configuration" | "function" | "timeout", message: string): Outcome {
  return { kind: "failed", failure, message };
}

function within(timeoutMs: number, call: Promise<Outcome>): Promise<Outcome> {
  return new Promise((resolve) => {
    const timer = setTimeout(
      () => resolve(failed("timeout", `the integration took longer than ${timeoutMs} ms`)),
      timeoutMs,
    );
    void call.then((outcome) => {
      clearTimeout(timer);
      resolve(outcome);
    });
  });
}
