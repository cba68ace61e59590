import { AwsError } from "../aws-error.ts";
import { isoSeconds } from "./json-shape.ts";
import type { Protocol, WireAnswer } from "./protocol.ts";
import { membersOf, type ServiceShapes, type Shape } from "./schema.ts";
import { fromText } from "./text-shape.ts";

/** awsQuery, which IAM and STS speak: form fields in, XML out (AWS.md 8.2). */
export function query({ operations, errors }: ServiceShapes, namespace: string): Protocol {
  return {
    find: ({ body }) => operations.get(new URLSearchParams(body.toString()).get("Action") ?? ""),
    read: ({ input }, { body }) =>
      (fromFields(input, treeOf(new URLSearchParams(body.toString()))) ?? {}) as Record<string, unknown>,
    write({ name, output }, value, requestId) {
      const result = membersOf(output).length > 0 ? element(`${name}Result`, xmlOf(output, value)) : "";
      const metadata = element("ResponseMetadata", element("RequestId", requestId));
      return xml(200, `<${name}Response xmlns="${namespace}">${result}${metadata}</${name}Response>`);
    },
    refuse: (error, requestId) => refusal(error, { ...errors.get(error.name) }, namespace, requestId),
  };
}

function refusal(
  { name, message, status: own }: AwsError,
  modelled: { code?: string; status?: number },
  namespace: string,
  requestId: string,
): WireAnswer {
  const { code = name, status = own ?? 400 } = modelled;
  const error = element(
    "Error",
    element("Type", "Sender") + element("Code", code) + element("Message", escaped(message)),
  );
  return xml(
    status,
    `<ErrorResponse xmlns="${namespace}">${error}${element("RequestId", requestId)}</ErrorResponse>`,
  );
}

const xml = (status: number, body: string): WireAnswer => ({
  status,
  headers: { "content-type": "text/xml" },
  body,
});
const element = (name: string, content: string): string => `<${name}>${content}</${name}>`;

/** `Tags.member.1.Key=a` as nested nodes. */
type Tree = Map<string, Tree | string>;

function treeOf(fields: URLSearchParams): Tree {
  const root: Tree = new Map();
  for (const [path, value] of fields) {
    const names = path.split(".");
    const last = names.pop() ?? "";
    names.reduce(branch, root).set(last, value);
  }
  return root;
}

function branch(tree: Tree, name: string): Tree {
  const existing = tree.get(name);
  if (existing instanceof Map) return existing;
  const made: Tree = new Map();
  tree.set(name, made);
  return made;
}

function fromFields(shape: Shape, node: Tree | string | undefined): unknown {
  if (node === undefined) return undefined;
  if (shape.isListSchema()) return items(node).map((item) => fromFields(shape.getValueSchema(), item));
  if (shape.isStructSchema()) return structFromFields(shape, branchIn(node));
  if (node instanceof Map) throw malformed("Start of structure or map found where not expected.");
  return fromText(shape, node, "MalformedInput");
}

const malformed = (message: string): AwsError => new AwsError("MalformedInput", message);

function branchIn(node: Tree | string): Tree {
  if (typeof node === "string") throw malformed("Expected null");
  return node;
}

function structFromFields(shape: Shape, node: Tree): Record<string, unknown> {
  const read = membersOf(shape).map(([name, member]) => [name, fromFields(member, node.get(name))] as const);
  return Object.fromEntries(read.filter(([, value]) => value !== undefined));
}

/** The items of `member.1`, `member.2`, …; an empty list arrives as an empty text. */
function items(node: Tree | string): (Tree | string)[] {
  if (node === "") return [];
  const members = node instanceof Map ? node.get("member") : undefined;
  if (!(members instanceof Map)) throw malformed("Expected list or null");
  const wrong = [...members.keys()].find((index) => !/^\d+$/.test(index));
  if (wrong !== undefined) throw malformed(`'${wrong}' is no index of a list`);
  return [...members].toSorted(([one], [other]) => Number(one) - Number(other)).map(([, item]) => item);
}

/** The XML inside the element of a value. */
function xmlOf(shape: Shape, value: unknown): string {
  if (shape.isStructSchema()) {
    const record = value as Record<string, unknown>;
    return membersOf(shape)
      .map(([name, member]) => (record[name] === undefined ? "" : element(name, xmlOf(member, record[name]))))
      .join("");
  }
  if (shape.isListSchema())
    return (value as unknown[])
      .map((item) => element("member", xmlOf(shape.getValueSchema(), item)))
      .join("");
  if (shape.isTimestampSchema()) return isoSeconds(value as Date);
  return escaped(String(value));
}

const entities: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\r": "&#xD;",
};
const escaped = (text: string): string =>
  text.replaceAll(/[&<>"\r]/g, (character) => entities[character] ?? character);
