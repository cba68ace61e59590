import { expect, test } from "vitest";
import { services } from "../../src/local/services/services.ts";
import { declaredMembers } from "../../src/local/wire/members.ts";
import { membersOf, shapesOf, type OperationShape, type Shape } from "../../src/local/wire/schema.ts";

/** One operation as its service declares it. */
interface Declared {
  operation: OperationShape;
  members: object;
}

const operations: Declared[] = services.flatMap(({ name, sdk, operations: declared }) => {
  const shapes = shapesOf(sdk).operations;
  return declared.map((each) => {
    const operation = shapes.get(each.name);
    if (!operation) throw new Error(`the SDK has no operation ${each.name} of ${name}`);
    return { operation, members: each.members };
  });
});

/** A member that is not declared, with a value of its own and one that asks for nothing. */
interface Undeclared {
  path: string;
  given: unknown;
  empty: unknown;
}

/** Every undeclared member of a structure, as inputs in which nothing else stands. */
function undeclaredIn(shape: Shape, members: Readonly<Record<string, unknown>>, path = ""): Undeclared[] {
  return membersOf(shape).flatMap(([name, member]) => {
    const declaration = members[name];
    const here = path ? `${path}.${name}` : name;
    if (declaration === undefined)
      return [{ path: here, given: { [name]: valueOf(member) }, empty: { [name]: emptyOf(member) } }];
    const isNested = typeof declaration === "object" && declaration !== null && structureIn(member);
    if (!isNested) return [];
    return undeclaredIn(isNested, declaration as Record<string, unknown>, here).map((each) => ({
      path: each.path,
      given: { [name]: wrapped(member, each.given) },
      empty: { [name]: wrapped(member, each.empty) },
    }));
  });
}

/** The structure that a member is, or that its items are. */
function structureIn(shape: Shape): Shape | undefined {
  if (shape.isListSchema() || shape.isMapSchema()) return structureIn(shape.getValueSchema());
  return shape.isStructSchema() ? shape : undefined;
}

function wrapped(shape: Shape, value: unknown): unknown {
  if (shape.isListSchema()) return [wrapped(shape.getValueSchema(), value)];
  return shape.isMapSchema() ? { key: wrapped(shape.getValueSchema(), value) } : value;
}

/** Some value that asks for something. */
function valueOf(shape: Shape): unknown {
  if (shape.isListSchema()) return [valueOf(shape.getValueSchema())];
  if (shape.isMapSchema()) return { key: valueOf(shape.getValueSchema()) };
  if (shape.isStructSchema())
    return Object.fromEntries(membersOf(shape).map(([name, member]) => [name, valueOf(member)]));
  if (shape.isBlobSchema()) return Buffer.from("x");
  if (shape.isNumericSchema()) return 1;
  return shape.isBooleanSchema() ? true : "x";
}

/** The same shape with nothing in it; undefined for numbers and booleans. */
function emptyOf(shape: Shape): unknown {
  if (shape.isListSchema()) return [];
  if (shape.isMapSchema()) return {};
  if (shape.isStructSchema())
    return Object.fromEntries(membersOf(shape).map(([name, member]) => [name, emptyOf(member)]));
  if (shape.isBlobSchema()) return new Uint8Array();
  return shape.isStringSchema() ? "" : undefined;
}

test("a member that an operation does not declare is refused by its name, and an empty one is not", () => {
  const cases = operations.flatMap(({ operation, members }) =>
    undeclaredIn(operation.input, members as Record<string, unknown>).map((each) => ({
      ...each,
      operation,
      members,
    })),
  );
  for (const { operation, members, path, given, empty } of cases) {
    expect(() => declaredMembers(operation, members, given as Record<string, unknown>)).toThrow(
      expect.objectContaining({
        name: "NotImplementedException",
        status: 501,
        message: `${path} of ${operation.name} is not emulated by the local AWS`,
      }) as Error,
    );
    expect(() => declaredMembers(operation, members, empty as Record<string, unknown>)).not.toThrow();
  }
  expect(cases.map(({ path, operation }) => `${path} of ${operation.name}`)).toContain(
    "Code.S3Bucket of CreateFunction",
  );
});

test("an operation declares only what the SDK's input has", () => {
  const made = operations.flatMap(({ operation, members }) => {
    const known = new Set(membersOf(operation.input).map(([name]) => name));
    return Object.keys(members).filter((name) => !known.has(name));
  });
  expect(made).toEqual([]);
});
