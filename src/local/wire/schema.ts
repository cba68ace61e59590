import { NormalizedSchema } from "@smithy/core/schema";

/** A shape of the AWS models as the SDK clients carry it: structure, list, map or scalar, with its traits. */
export type Shape = NormalizedSchema;

/** One operation of a service as its SDK client describes it. */
export interface OperationShape {
  name: string;
  input: Shape;
  output: Shape;
  /** Method, path template with `{Labels}` and status of success; only in REST services. */
  http?: readonly [method: string, uri: string, status: number];
}

/** One modelled error of a service. */
export interface ErrorShape {
  status: number;
  /**
   * The code on the wire where it differs from the name: IAM's `NoSuchEntity` for `NoSuchEntityException`.
   */
  code: string;
  shape: Shape;
}

/** Everything that one service understands. */
export interface ServiceShapes {
  operations: ReadonlyMap<string, OperationShape>;
  errors: ReadonlyMap<string, ErrorShape>;
}

/** The first element of a schema says what it describes. */
const operationKind = 9;
const errorKind = -3;

type SchemaRef = Parameters<typeof NormalizedSchema.of>[0];
type OperationSchema = readonly [
  9,
  string,
  name: string,
  traits: { http?: OperationShape["http"] } | number,
  input: SchemaRef,
  output: SchemaRef,
];

/** Reads the shapes out of an SDK client's module; the client itself is never used. */
export function shapesOf(sdk: object): ServiceShapes {
  const schemas = Object.values(sdk).filter((value): value is readonly unknown[] => Array.isArray(value));
  const operations = schemas.filter(isOperation).map(operationShape);
  const errors = schemas
    .filter(([kind]) => kind === errorKind)
    .map((schema) => NormalizedSchema.of(schema as unknown as SchemaRef));
  return {
    operations: new Map(operations.map((operation) => [operation.name, operation])),
    errors: new Map(errors.map((shape) => [shape.getName() ?? "", errorShape(shape)])),
  };
}

const isOperation = (schema: readonly unknown[]): schema is OperationSchema => schema[0] === operationKind;

function operationShape([, , name, traits, input, output]: OperationSchema): OperationShape {
  const http = typeof traits === "object" ? traits.http : undefined;
  return {
    name,
    input: NormalizedSchema.of(input),
    output: NormalizedSchema.of(output),
    ...(http ? { http } : {}),
  };
}

function errorShape(shape: Shape): ErrorShape {
  const { awsQueryError, httpError } = shape.getMergedTraits() as {
    awsQueryError?: readonly [code: string, status: number];
    httpError?: number;
  };
  return { shape, code: awsQueryError?.[0] ?? shape.getName() ?? "", status: httpError ?? 400 };
}

/** The members of a structure; none for operations without input or output. */
export const membersOf = (shape: Shape): [name: string, member: Shape][] =>
  shape.isStructSchema() ? [...shape.structIterator()] : [];

/** The names of the members that must be given: the SDK's schemas put them first and count them. */
export function requiredMembersOf(shape: Shape): readonly string[] {
  const schema: unknown = shape.getSchema();
  if (!shape.isStructSchema() || !Array.isArray(schema)) return [];
  const [, , , , names, , required] = schema as [
    unknown,
    unknown,
    unknown,
    unknown,
    string[],
    unknown,
    number?,
  ];
  return names.slice(0, required ?? 0);
}
