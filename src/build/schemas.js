// The JSON schemas of what `--json` prints, one for each command, read off the types of the results: what the
// code may return is what the schema says. TypeScript's checker is asked; its version is pinned, as its
// programming interface is not stable yet.
import { API, SymbolFlags, TypeFlags } from "typescript/unstable/sync";

const source = "src/build/documents.ts";

/** Every command's schema, by its name with a hyphen, as `logs-tail`. Throws where a type has no JSON. */
export function documentSchemas() {
  const api = new API({ cwd: process.cwd() });
  try {
    const [project] = api.updateSnapshot({ openProjects: ["tsconfig.json"] }).getProjects();
    return schemasIn(project);
  } finally {
    api.close();
  }
}

function schemasIn({ checker, program }) {
  const file = checker.getSymbolAtLocation(program.getSourceFile(source));
  const documents = checker.getDeclaredTypeOfSymbol(checker.getMemberInModuleExports(file, "Documents"));
  const membersOf = (type) =>
    checker.getPropertiesOfType(type).map((symbol) => [symbol.name, checker.getTypeOfSymbol(symbol)]);
  const schemas = membersOf(documents).map(([command, type]) => {
    const name = command.replace(" ", "-");
    return [name, schemaOf(name, Object.fromEntries(membersOf(type)), checker)];
  });
  return Object.fromEntries(schemas);
}

function schemaOf(name, { result, error, item }, checker) {
  const forms = [result, error, item].flatMap((type) => (type.flags & TypeFlags.Never ? [] : partsOf(type)));
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    $id: `urn:shelfshack-ws:json:1:${name}`,
    title: `shelfshack-ws ${name.replace("-", " ")} --json`,
    anyOf: forms.map((type) => convert(type, { checker, within: [] })),
  };
}

const partsOf = (type) => (type.isUnionType() ? type.getTypes() : [type]);

/** What a type is in JSON: the first row with one of its flags says it. */
const rows = [
  [TypeFlags.AnyOrUnknown, () => ({})],
  [TypeFlags.Null, () => ({ type: "null" })],
  [TypeFlags.Literal, ({ value }) => ({ const: value })],
  [TypeFlags.Boolean, () => ({ type: "boolean" })],
  [TypeFlags.Union, union],
  [TypeFlags.StringLike, () => ({ type: "string" })],
  [TypeFlags.NumberLike, () => ({ type: "number" })],
  [TypeFlags.Object | TypeFlags.Intersection, listOrObject],
];

/** `within` are the types around it: one that is within itself has no end. */
function convert(type, { checker, within }) {
  const [, schemaFor] = rows.find(([flags]) => type.flags & flags) ?? [];
  if (!schemaFor || within.includes(type.id) || type.isErrorType())
    throw new Error(`${checker.typeToString(type)} has no JSON schema`);
  return schemaFor(type, { checker, within: [...within, type.id] });
}

/** Literals become one enumeration; what may be undefined is left out by its object. */
function union(type, around) {
  const types = type.getTypes().filter(({ flags }) => !(flags & TypeFlags.Undefined));
  const schemas = types.map((part) => convert(part, around));
  const values = schemas.flatMap((schema) => ("const" in schema ? [schema.const] : []));
  const others = schemas.filter((schema) => !("const" in schema));
  const all = values.length > 1 ? [{ enum: values }, ...others] : schemas;
  return all.length === 1 ? all[0] : { anyOf: all };
}

function listOrObject(type, around) {
  const { checker } = around;
  const items = () => checker.getTypeArguments(type).map((item) => convert(item, around));
  if (checker.isTupleType(type)) return { type: "array", items: items() };
  return checker.isArrayType(type) ? { type: "array", items: items()[0] } : object(type, around);
}

function object(type, around) {
  const { checker } = around;
  const members = checker.getPropertiesOfType(type).map((symbol) => memberOf(symbol, around));
  const required = members.filter(({ isOptional }) => !isOptional).map(({ name }) => name);
  const [index] = checker.getIndexInfosOfType(type);
  return {
    type: "object",
    properties: Object.fromEntries(members.map(({ name, schema }) => [name, schema])),
    ...(required.length > 0 && { required }),
    ...(index && { additionalProperties: convert(index.valueType, around) }),
  };
}

function memberOf(symbol, around) {
  const { checker } = around;
  const type = checker.getTypeOfSymbol(symbol);
  const description = symbol.getDocumentationComment(checker).replaceAll("\n", " ");
  return {
    name: symbol.name,
    isOptional:
      (symbol.flags & SymbolFlags.Optional) !== 0 ||
      partsOf(type).some(({ flags }) => flags & (TypeFlags.Undefined | TypeFlags.Unknown)),
    schema: { ...convert(type, around), ...(description && { description }) },
  };
}
