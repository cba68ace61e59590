import { AwsError } from "../aws-error.ts";
import { fromJson, jsonName, parsedBody, toJson } from "./json-shape.ts";
import type { Protocol, WireAnswer, WireRequest } from "./protocol.ts";
import { membersOf, type ErrorShape, type OperationShape, type ServiceShapes, type Shape } from "./schema.ts";
import { fromText } from "./text-shape.ts";

/**
 * restJson1, which Lambda and API Gateway speak: method and path name the operation, errors carry their type
 * in a header (AWS.md 8.2).
 */
export function restJson({ operations, errors }: ServiceShapes): Protocol {
  const routes = [...operations.values()]
    .flatMap(routeOf)
    .toSorted((one, other) => other.literalLength - one.literalLength);
  return {
    find: (request) => routes.find((route) => leadsTo(route, request))?.operation,
    read: (operation, request) => readInput(operation, labelsIn(routes, operation, request.path), request),
    write: (operation, output) => writeStructure(operation.output, output, operation.http?.[2] ?? 200),
    refuse: (error) => writeError(error, errors.get(error.name)),
  };
}

interface Route {
  operation: OperationShape;
  method: string;
  path: RegExp;
  literalLength: number;
  /** Query members that the binding itself demands. */
  query: URLSearchParams;
}

function routeOf(operation: OperationShape): Route[] {
  if (!operation.http) return [];
  const [method, uri] = operation.http;
  const [path = "", query] = uri.split("?");
  // "@" and its like are literal; a label takes one segment, a greedy one (`{name+}`) the rest.
  const pattern = path.replaceAll(
    /\{(\w+)(\+?)\}/g,
    (_, name: string, greedy: string) => `(?<${name}>${greedy ? ".+" : "[^/]+"})`,
  );
  const literalLength = uri.replaceAll(/\{.*?\}/g, "").length;
  return [
    {
      operation,
      method,
      path: new RegExp(`^${pattern}/?$`),
      literalLength,
      query: new URLSearchParams(query),
    },
  ];
}

const leadsTo = ({ method, path, query }: Route, request: WireRequest): boolean =>
  method === request.method &&
  path.test(request.path) &&
  [...query].every(([name, value]) => request.query.get(name) === value);

const labelsIn = (
  routes: readonly Route[],
  operation: OperationShape,
  path: string,
): Record<string, string> =>
  routes.find((route) => route.operation === operation)?.path.exec(path)?.groups ?? {};

function readInput(
  { input }: OperationShape,
  labels: Record<string, string>,
  request: WireRequest,
): Record<string, unknown> {
  const body = hasBodyMembers(input) ? parsedBody(request.body) : {};
  const read = membersOf(input).map(
    ([name, member]) => [name, readMember(name, member, { labels, request, body })] as const,
  );
  return Object.fromEntries(read.filter(([, value]) => value !== undefined));
}

interface Sources {
  labels: Record<string, string>;
  request: WireRequest;
  body: Record<string, unknown>;
}

function readMember(name: string, member: Shape, { labels, request, body }: Sources): unknown {
  const traits = member.getMergedTraits();
  if (traits.httpLabel) return asText(member, decoded(labels[name]));
  if (traits.httpQuery) return fromQuery(member, request.query.getAll(traits.httpQuery));
  if (traits.httpHeader) return asText(member, headerOf(request, traits.httpHeader));
  if (traits.httpPayload)
    return member.isBlobSchema() ? request.body : fromJson(member, parsedBody(request.body));
  return fromJson(member, body[jsonName(name, member)]);
}

function decoded(text: string | undefined): string | undefined {
  try {
    return text && decodeURIComponent(text);
  } catch (cause) {
    throw new AwsError(
      "ValidationException",
      `the path segment '${text}' is not percent-encoded UTF-8: ${String(cause)}`,
    );
  }
}

function headerOf({ headers }: WireRequest, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return Array.isArray(value) ? value.join(", ") : value;
}

const fromQuery = (member: Shape, values: string[]): unknown =>
  member.isListSchema()
    ? nonEmpty(values.map((value) => asText(member.getValueSchema(), value)))
    : asText(member, values[0]);

const nonEmpty = <Item>(items: Item[]): Item[] | undefined => (items.length > 0 ? items : undefined);

const asText = (member: Shape, text: string | undefined): unknown =>
  text === undefined ? undefined : fromText(member, text, "SerializationException");

const isInBody = (member: Shape): boolean => {
  const { httpLabel, httpQuery, httpHeader, httpPayload, httpResponseCode } = member.getMergedTraits();
  return !httpLabel && !httpQuery && !httpHeader && !httpPayload && !httpResponseCode;
};
const hasBodyMembers = (shape: Shape): boolean => membersOf(shape).some(([, member]) => isInBody(member));

const json = { "content-type": "application/json" };

/** An answer as its shape binds it: status, headers, a raw payload or a JSON body. */
function writeStructure(shape: Shape, output: Record<string, unknown>, success: number): WireAnswer {
  const bound = membersOf(shape).map(([name, member]) => ({
    traits: member.getMergedTraits(),
    member,
    value: output[name],
  }));
  const status = bound.find(({ traits }) => traits.httpResponseCode)?.value ?? success;
  const headers = bound.flatMap(({ traits: { httpHeader }, value }) =>
    httpHeader && value !== undefined ? [[httpHeader, `${value as string | number}`]] : [],
  );
  const payload = bound.find(({ traits }) => traits.httpPayload);
  const body = payload ? (payload.value as Uint8Array | undefined) : writeBody(shape, output);
  return { status: Number(status), headers: { ...json, ...Object.fromEntries(headers) }, body: body ?? "" };
}

function writeBody(shape: Shape, output: Record<string, unknown>): string {
  const members = membersOf(shape).filter(([, member]) => isInBody(member));
  if (members.length === 0) return "";
  const written = members.map(([name, member]) => [jsonName(name, member), toJson(member, output[name])]);
  return JSON.stringify(Object.fromEntries(written.filter(([, value]) => value !== undefined)));
}

/**
 * The members of an error are spelled as its shape spells them: `Message` here and `message` there (AWS.md
 * 4.4).
 */
function writeError(
  { name, message, members, status }: AwsError,
  modelled: ErrorShape | undefined,
): WireAnswer {
  const type = { "x-amzn-errortype": name };
  if (!modelled)
    return { status: status ?? 400, headers: { ...json, ...type }, body: JSON.stringify({ message }) };
  const answer = writeStructure(
    modelled.shape,
    { Type: "User", message, Message: message, ...members },
    modelled.status,
  );
  return { ...answer, headers: { ...answer.headers, ...type } };
}
