import type { IncomingMessage } from "node:http";
import { isRecord, jsonIn } from "../../contract/json.ts";
import type { GatewayOptions, LambdaAnswer, ServedRoute, ServedStage } from "./contract.ts";
import { authorizerEvent, type Peer, type Upgrade } from "./events.ts";
import { functionArnOf } from "./integration.ts";
import type { Refusal } from "./refusal.ts";
import { signatureOf, wrongRegion } from "./signature.ts";

/** A handshake before its `$connect` integration is asked. */
export interface Connecting {
  request: IncomingMessage;
  upgrade: Upgrade;
  stage: ServedStage;
  route: ServedRoute;
  peer: Peer;
  requestId: string;
}

/** Why a client may not connect, with what only the log is told; or the client with what is known of it. */
export type Authorized = { refusal: Refusal; message?: string } | { peer: Peer };

type Options = Pick<GatewayOptions, "invoke" | "allows" | "caller" | "doubt">;

/**
 * Decides whether a client may connect: the signature or a Lambda authorizer, where the route has one (AWS.md
 * 1.5, 1.9).
 */
export async function authorize(options: Options, connecting: Connecting): Promise<Authorized> {
  const { peer, route } = connecting;
  if (route.authorizationType === "AWS_IAM") return await bySignature(options, connecting);
  if (route.authorizationType === "CUSTOM") return await byFunction(options, connecting);
  return { peer };
}

/** The status of an unsigned upgrade is "401 or 403" in AWS's guides; the texts are unverified. */
async function bySignature(
  { caller, doubt }: Options,
  { request, stage, peer }: Connecting,
): Promise<Authorized> {
  const { region, sessionToken } = signatureOf(request);
  const refused = (message: string): Authorized => ({ refusal: { status: 403, message } });
  if (region === undefined || !caller) return refused("Missing Authentication Token");
  if (region !== stage.region) return refused(wrongRegion(region));
  const doubted = await doubt?.(request, async () => emptyBody);
  if (doubted) return refused(doubted.message);
  const found = caller({ region, apiId: stage.apiId, stage: stage.stage, sessionToken });
  return "denied" in found ? refused(found.denied) : { peer: { ...peer, caller: found.identity } };
}

const emptyBody = new Uint8Array();

const unauthorized: Authorized = { refusal: { status: 401 } };
const failed = (message: string): Authorized => ({
  refusal: { status: 500, message: "Internal server error" },
  message,
});

async function byFunction({ invoke, allows }: Options, connecting: Connecting): Promise<Authorized> {
  const { upgrade, stage, route, peer, requestId } = connecting;
  const { apiId, region, account, stageVariables } = stage;
  if (!route.authorizer) return failed("the authorizer of the route does not exist");
  const { id, uri, identitySources } = route.authorizer;
  const arn = functionArnOf(uri, stageVariables);
  if (!arn) return failed(`the authorizer uri ${uri} does not name a Lambda function`);
  const api = `arn:aws:execute-api:${region}:${account}:${apiId}`;
  const methodArn = `${api}/${stage.stage}/$connect`;
  const now = Date.now();
  const event = authorizerEvent(peer, { upgrade, requestId, stageVariables, now, methodArn });
  if (!identitySources.every((source) => hasIdentity(event, source))) return unauthorized;
  const answer = await invoke({ functionArn: arn, sourceArn: `${api}/authorizers/${id}`, account, event });
  if (answer.kind === "answered" && isUnauthorized(answer)) return unauthorized;
  const said = answerOf(answer);
  if (!said) return failed("the authorizer failed, or answered no policy");
  const allowed = isAllowed(allows, said.policy, methodArn);
  if (allowed === undefined) return failed("the authorizer's policy is none");
  if (!allowed) return { refusal: { status: 403 } };
  return { peer: { ...peer, authorizer: { ...said.authorizer, integrationLatency: Date.now() - now } } };
}

/** Whether an authorizer's policy lets its client connect; undefined for what is no policy. */
function isAllowed(allows: Options["allows"], policy: string, resource: string): boolean | undefined {
  try {
    return allows?.(policy, { action: "execute-api:Invoke", resource });
  } catch {
    // A function can answer anything as its policy; the caller reports it.
    return undefined;
  }
}

const source = /^route\.request\.(header|querystring)\.(.+)$/;

/** Whether a client sent what an authorizer identifies it by, and not only an empty text. */
function hasIdentity(
  { headers, queryStringParameters }: ReturnType<typeof authorizerEvent>,
  identitySource: string,
): boolean {
  const [, place, name = ""] = source.exec(identitySource) ?? [];
  const values: Record<string, string> =
    place === "header"
      ? Object.fromEntries(Object.entries(headers).map(([key, value]) => [key.toLowerCase(), value]))
      : queryStringParameters;
  return Boolean(values[place === "header" ? name.toLowerCase() : name]);
}

/** An authorizer that throws this word refuses with 401 (AWS.md 1.5). */
const isUnauthorized = ({ functionError, payload }: LambdaAnswer & { kind: "answered" }): boolean =>
  functionError !== undefined && recordIn(payload)?.errorMessage === "Unauthorized";

/** The most that an authorizer may answer, in bytes (AWS.md 1.12). */
const longestAnswer = 8 * 1024;

/** An authorizer's answer; undefined for one that API Gateway does not take. */
function answerOf(answer: LambdaAnswer): { policy: string; authorizer: Record<string, unknown> } | undefined {
  if (answer.kind !== "answered" || answer.functionError !== undefined) return undefined;
  if (Buffer.byteLength(answer.payload) > longestAnswer) return undefined;
  const { principalId, policyDocument, context = {} } = recordIn(answer.payload) ?? {};
  if (typeof principalId !== "string" || !isRecord(policyDocument) || !isRecord(context)) return undefined;
  if (!Object.values(context).every((value) => ["string", "number", "boolean"].includes(typeof value)))
    return undefined;
  return { policy: JSON.stringify(policyDocument), authorizer: { principalId, ...context } };
}

/** A function can answer anything; the caller takes what is no object for a failure. */
function recordIn(payload: string): Readonly<Record<string, unknown>> | undefined {
  const value = jsonIn(payload);
  return isRecord(value) ? value : undefined;
}
