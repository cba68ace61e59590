import * as apigatewaySdk from "@aws-sdk/client-apigatewayv2";
import * as logsSdk from "@aws-sdk/client-cloudwatch-logs";
import * as iamSdk from "@aws-sdk/client-iam";
import * as lambdaSdk from "@aws-sdk/client-lambda";
import * as stsSdk from "@aws-sdk/client-sts";
import { constraints as apigatewayConstraints } from "./apigateway/constraints.ts";
import { constraints as iamConstraints } from "./iam/constraints.ts";
import { constraints as logsConstraints } from "./logs/constraints.ts";
import { constraints as stsConstraints } from "./sts/constraints.ts";
import { apigateway, apigatewayGuard, type Guard } from "./apigateway/apigateway.ts";
import { AwsError, notEmulated } from "../aws-error.ts";
import { iam } from "./iam/iam.ts";
import type { Invoking } from "./lambda/invoke.ts";
import { lambda } from "./lambda/lambda.ts";
import { constraints as lambdaConstraints } from "./lambda/constraints.ts";
import type { Logs } from "./logs/logs.ts";
import { sessionIn } from "./iam/sessions.ts";
import { isMutating, type At, type Operation } from "./operations.ts";
import { jsonRpc } from "../wire/json-rpc.ts";
import { query } from "../wire/query.ts";
import { restJson } from "../wire/rest-json.ts";
import type { Protocol, WireAnswer, WireRequest } from "../wire/protocol.ts";
import { shapesOf, type OperationShape } from "../wire/schema.ts";
import type { World } from "../state.ts";
import { shortened } from "./shortened.ts";
import { sts } from "./sts/sts.ts";
import { validate, type Constraints } from "../wire/validation.ts";

/** One call of the control plane, as tests and `--debug` see it. */
export interface Call {
  service: string;
  operation: string;
  region: string;
  input: Record<string, unknown>;
  status: number;
  error?: string;
  /** Whether an operation of this kind changes something, whatever became of it. */
  mutating: boolean;
}

/** One service as the server calls it. */
interface Service {
  protocol: Protocol;
  operations: Readonly<Record<string, Operation | undefined>>;
  constraints: Constraints;
  /** The name of the error for an input that breaks the model (AWS.md 4.4, 6.3, 7.1). */
  invalid: string;
  guard?: Guard;
}

/** The services by the names that their requests are signed for (AWS.md 8.1). */
export type Services = ReadonlyMap<string, Service>;

/** See {@link Services}. */
export const servicesOf = (world: World, { invoking, logs }: { invoking: Invoking; logs: Logs }): Services =>
  new Map<string, Service>(
    Object.entries({
      lambda: {
        protocol: restJson(shapesOf(lambdaSdk)),
        operations: lambda(world, invoking),
        constraints: lambdaConstraints,
        invalid: "ValidationException",
      },
      apigateway: {
        protocol: restJson(shapesOf(apigatewaySdk)),
        operations: apigateway(world),
        constraints: apigatewayConstraints,
        invalid: "BadRequestException",
        guard: apigatewayGuard(world),
      },
      iam: {
        protocol: query(shapesOf(iamSdk), "https://iam.amazonaws.com/doc/2010-05-08/"),
        operations: iam(world),
        constraints: iamConstraints,
        invalid: "ValidationError",
      },
      sts: {
        protocol: query(shapesOf(stsSdk), "https://sts.amazonaws.com/doc/2011-06-15/"),
        operations: sts(world),
        constraints: stsConstraints,
        invalid: "ValidationError",
      },
      logs: {
        protocol: jsonRpc(shapesOf(logsSdk)),
        operations: logs.operations,
        constraints: logsConstraints,
        invalid: "InvalidParameterException",
      },
    }),
  );

/**
 * What a request was signed for. Form and presence of the signature are checked, the signature itself is not:
 * there are no secrets to check it with.
 */
export interface Scope {
  region: string;
  service: string;
}

const signature =
  /^AWS4-HMAC-SHA256 +Credential=[^/\s,]+\/\d{8}\/([\w-]+)\/([\w-]+)\/aws4_request, *SignedHeaders=[^,\s]+, *Signature=[0-9a-f]{64}$/;

/** The scope of a request's signature; undefined when it carries none. */
export function scopeOf(authorization: string | undefined): Scope | undefined {
  const [, region, service] = signature.exec(authorization ?? "") ?? [];
  return region && service ? { region, service } : undefined;
}

/**
 * Answers one signed request of the control plane and tells what it was. Refusals are answers too; only a bug
 * of ours throws.
 */
export async function answerCall(
  services: Services,
  { region, service: name }: Scope,
  { request, requestId, record }: { request: WireRequest; requestId: string; record(call: Call): void },
): Promise<WireAnswer> {
  const service = services.get(name);
  const protocol = service?.protocol ?? strangerIn(request);
  const operation = service?.protocol.find(request);
  const call: Call = {
    service: name,
    operation: operation?.name ?? nameIn(request),
    region,
    input: {},
    status: 200,
    mutating: isMutating(operation?.name ?? ""),
  };
  try {
    const handler = operation && service?.operations[operation.name];
    if (!service || !handler) throw notEmulated(`${call.operation} (${name})`);
    const input = protocol.read(operation, request);
    call.input = shortened(input);
    const at = {
      region,
      now: Date.now(),
      requestId,
      session: sessionIn(request.headers["x-amz-security-token"]),
    };
    const output = await perform(service, { operation, handler, input, at });
    const answer = protocol.write(operation, (output ?? {}) as Record<string, unknown>, requestId);
    record({ ...call, status: answer.status });
    return answer;
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    const answer = protocol.refuse(error, requestId);
    record({ ...call, status: answer.status, error: error.name });
    return answer;
  }
}

interface Performing {
  operation: OperationShape;
  handler: Operation;
  input: Record<string, unknown>;
  at: At;
}

async function perform(
  { constraints, invalid, guard }: Service,
  { operation, handler, input, at }: Performing,
): Promise<object | void> {
  validate(operation, input, { constraints, errorName: invalid });
  const run = async () => await handler(input as never, at);
  return guard ? await guard({ mutating: isMutating(operation.name), input, at }, run) : await run();
}

/** The operation that a request names in whichever form; method and path where it is REST. */
const nameIn = ({ method, path, headers, body }: WireRequest): string =>
  String(headers["x-amz-target"] ?? "")
    .split(".")
    .at(-1) ||
  new URLSearchParams(body.toString("latin1")).get("Action") ||
  `${method} ${path}`;

const unknownShapes = { operations: new Map(), errors: new Map() };

/**
 * The wire protocol in which a service that is not here can be refused, so that its client understands the
 * refusal.
 */
function strangerIn({ headers }: WireRequest): Protocol {
  const type = String(headers["content-type"]);
  if (type.includes("x-amz-json")) return jsonRpc(unknownShapes);
  return type.includes("form-urlencoded")
    ? query(unknownShapes, "https://local.invalid/")
    : restJson(unknownShapes);
}
