import { AwsError, notEmulated } from "../aws-error.ts";
import { protocolOf } from "../refusals.ts";
import type { WireAnswer, WireRequest } from "../wire/protocol.ts";
import { amplify } from "./amplify/amplify.ts";
import { apigateway } from "./apigateway/apigateway.ts";
import type { AskedCall, Authorization } from "./access.ts";
import { iam, type Roles } from "./iam/iam.ts";
import { sessionIn, type Session } from "./iam/sessions.ts";
import { lambda } from "./lambda/lambda.ts";
import { logs } from "./logs/logs.ts";
import { monitoring } from "./monitoring/monitoring.ts";
import { isMutating } from "./operations.ts";
import type { OpenServices } from "./service.ts";
import { shortened } from "./shortened.ts";
import { sts } from "./sts/sts.ts";

/** What the local AWS consists of: a new service is a folder, and a word here. */
export const services = [iam, sts, logs, monitoring, lambda, apigateway, amplify] as const;

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

/**
 * What a request was signed for. Form and presence of the signature are checked, the signature itself is not:
 * there are no secrets to check it with.
 */
export interface Scope {
  region: string;
  service: string;
}

const signature = new RegExp(
  String.raw`^AWS4-HMAC-SHA256 +Credential=[^/\s,]+/\d{8}/([\w-]+)/([\w-]+)/aws4_request, *` +
    String.raw`SignedHeaders=[^,\s]+, *Signature=[0-9a-f]{64}$`,
);

/** Operations of STS that are called without a signature, for their callers have no credentials yet. */
const unsignedOperations = ["AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"];

/** The scope of a call that needs no signature; undefined for every other one. */
export const scopeWithoutSignature = (request: WireRequest): Scope | undefined =>
  unsignedOperations.includes(nameIn(request)) ? { region: "us-east-1", service: "sts" } : undefined;

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
  { find, portOf }: OpenServices,
  { region, service: name }: Scope,
  { request, requestId, record }: { request: WireRequest; requestId: string; record(call: Call): void },
): Promise<WireAnswer> {
  const service = find(name);
  const protocol = service?.protocol ?? protocolOf(request.headers);
  const shape = service?.protocol.find(request);
  const operation = shape?.name ?? nameIn(request);
  const mutating = isMutating(shape?.name ?? "");
  const call: Call = { service: name, operation, region, input: {}, status: 200, mutating };
  try {
    const perform = service?.operations.get(operation);
    if (!service || !shape || !perform) throw notEmulated(`${operation} (${name})`);
    const input = protocol.read(shape, request);
    call.input = shortened(input);
    const session = sessionIn(request.headers["x-amz-security-token"]);
    const { method, path } = request;
    refuseDenied(portOf(iam), session, service.authorization, { operation, input, method, path, region });
    const output = await perform(shape, input, { region, now: Date.now(), requestId, session });
    const answer = protocol.write(shape, (output ?? {}) as Record<string, unknown>, requestId);
    record({ ...call, status: answer.status });
    return answer;
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    const answer = protocol.refuse(error, requestId);
    record({ ...call, status: answer.status, error: error.name });
    return answer;
  }
}

/** Throws what AWS answers where a role's session may not make a call, whatever else is wrong with it. */
function refuseDenied(
  roles: Roles,
  session: Session | undefined,
  { accesses, error, status }: Authorization,
  call: Omit<AskedCall, "account">,
): void {
  if (!session) return;
  for (const access of accesses({ ...call, account: roles.account })) {
    const message = roles.denial(session, access);
    if (message !== undefined) throw new AwsError(error, message, { status });
  }
}

/** The operation that a request names in whichever form; method and path where it is REST. */
const nameIn = ({ method, path, headers, body }: WireRequest): string =>
  String(headers["x-amz-target"] ?? "")
    .split(".")
    .at(-1) ||
  new URLSearchParams(body.toString("latin1")).get("Action") ||
  `${method} ${path}`;
