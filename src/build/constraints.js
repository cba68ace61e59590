// `npm run constraints [-- FOLDER]` writes src/local/services/*/constraints.ts: what AWS's models say about
// the members that the operations declare. The models are those of the AWS CLI that
// test/local/requirements.txt names: botocore's folder `data`, given, or found beside the programs on the
// PATH; without them the exit code is 2. With `--check` nothing is written, and it is 1 where a file differs.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

process.chdir(fileURLToPath(new URL("../..", import.meta.url)));

/**
 * What is said of some services besides their models, by the names of their folders: a model's name where it
 * is another one, and in `differs` what AWS does otherwise than its model says, by shape or by operation and
 * member; undefined takes a constraint away.
 */
const modelled = {
  apigateway: {
    modelName: "apigatewayv2",
    // The account's settings are those of version 1.
    besides: "apigateway",
    differs: {
      // WebSocket APIs allow a second less than HTTP APIs.
      IntegerWithLengthBetween50And30000: { max: 29_000 },
      "CreateStage.StageName": { pattern: String.raw`[-\w]+|\$default` },
    },
  },
  logs: {
    differs: {
      // Longer names have an error of their own (AWS.md 7.2).
      LogGroupName: { max: undefined },
      LogStreamName: { max: undefined },
    },
  },
  monitoring: { modelName: "cloudwatch" },
  lambda: {
    oncePerValue: true,
    differs: {
      // The service has its own list and its own error (AWS.md 4.2).
      Runtime: { values: undefined },
      // The model allows more than the quotas (AWS.md 4.1).
      Timeout: { max: 900 },
      MemorySize: { max: 10_240 },
    },
  },
};

/** The models of an AWS CLI whose program lies in a folder of the PATH. */
const modelsOnPath = () =>
  (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "..", "lib"))
    .filter((lib) => existsSync(lib))
    .flatMap((lib) => readdirSync(lib).map((name) => join(lib, name, "site-packages/awscli/botocore/data")))
    .find((models) => existsSync(models));

const versionOf = (models) =>
  /__version__ = '(.+)'/.exec(readFileSync(join(models, "../../__init__.py"), "utf8"))?.[1];

function readModel(models, name) {
  const newest = readdirSync(join(models, name)).sort().at(-1);
  return JSON.parse(readFileSync(join(models, name, newest, "service-2.json"), "utf8"));
}

/** A model, with what another one has besides. */
function withBesides(model, models, name) {
  if (name === undefined) return model;
  const { operations, shapes } = readModel(models, name);
  return {
    operations: { ...operations, ...model.operations },
    shapes: { ...shapes, ...model.shapes },
  };
}

/** Stands in for the files that this script writes, so that services can be read before they are written. */
const withoutConstraints = {
  name: "without-constraints",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/constraints\.ts$/ }, ({ path }) => ({ path, namespace: "constraints" }));
    onLoad({ filter: /.*/, namespace: "constraints" }, () => ({
      contents: "export const constraints = { operations: {} };",
    }));
  },
};

/** The services as their folders declare them: their names and their operations with the members. */
async function declaredServices() {
  const folder = mkdtempSync(join(tmpdir(), "constraints-"));
  const outfile = join(folder, "services.mjs");
  const require =
    'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';
  try {
    await build({
      entryPoints: ["src/local/services/services.ts"],
      bundle: true,
      platform: "node",
      format: "esm",
      mainFields: ["module", "main"],
      banner: { js: require },
      plugins: [withoutConstraints],
      logLevel: "warning",
      outfile,
    });
    const { services } = await import(pathToFileURL(outfile).href);
    return services;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A word about a whole member, or declarations of what is in it (src/local/wire/members.ts). */
const isWhole = (declaration) =>
  typeof declaration === "symbol" || Object.getOwnPropertySymbols(declaration).length > 0;

/** Some models say a text's length in words only: `A string with a length between [1-128].` */
function lengthInWords({ type, documentation = "" }) {
  const [, min, max] = /A string.* with a length between \[(\d+)-(\d+)\]/.exec(documentation) ?? [];
  return type === "string" && max ? { min: Number(min), max: Number(max) } : {};
}

/** A pattern that JavaScript takes; another one is left out, and the reason is printed. */
function understood(given, where) {
  const pattern = withWideDots(given);
  try {
    return pattern && new RegExp(`^(?:${pattern})$`, pattern.includes("\\p{") ? "u" : "") && pattern;
  } catch (error) {
    process.stdout.write(`${where}: the pattern is left out: ${error.message}\n`);
    return undefined;
  }
}

/** After `(?s)` a dot is any character, also the end of a line. */
const withWideDots = (pattern) =>
  pattern?.startsWith("(?s)") ? pattern.slice("(?s)".length).replaceAll(/(?<!\\)\./g, "[^]") : pattern;

/**
 * The constraints of a model's shapes; each is asked for by name and answered as the name under which it is
 * written, or undefined where the shape has none.
 */
function shapesOf({ modelName, differs = {} }, { shapes }) {
  const written = new Map();

  function reference(name) {
    if (!written.has(name)) {
      // A shape within itself has the constraints of one level.
      written.set(name, undefined);
      const source = literal(constraintOf(name, shapes[name]));
      // What it refers to stands before it.
      written.delete(name);
      written.set(name, source);
    }
    return written.get(name) && name;
  }

  function constraintOf(name, shape) {
    const { min, max, pattern, enum: values } = { ...lengthInWords(shape), ...shape };
    return {
      min,
      max,
      decimal: shape.type === "double" && max !== undefined ? true : undefined,
      pattern: understood(pattern, `${modelName}.${name}`),
      values,
      members: shape.members && membersOf(shape),
      key: shape.key && reference(shape.key.shape),
      item: shape.type === "structure" ? undefined : itemOf(shape),
      ...differs[name],
    };
  }

  const itemOf = ({ member, value }) => (member ?? value) && reference((member ?? value).shape);

  const membersOf = ({ members = {} }) =>
    literal(Object.fromEntries(Object.entries(members).map(([name, { shape }]) => [name, reference(shape)])));

  /** What is declared of a structure's members; `operation` where it is that operation's input. */
  function declaredMembers({ members = {} }, declared, operation) {
    const given = Object.entries(members).filter(([name]) => declared[name]);
    return literal(
      Object.fromEntries(
        given.map(([name, { shape }]) => {
          const own = differs[`${operation}.${name}`];
          return [
            name,
            own
              ? literal({ ...constraintOf(shape, shapes[shape]), ...own })
              : declaredPart(shape, declared[name]),
          ];
        }),
      ),
    );
  }

  /** What is declared of a shape; of lists and maps a declaration speaks of each item. */
  function declaredPart(name, declaration) {
    if (isWhole(declaration)) return reference(name);
    const shape = shapes[name];
    if (shape.type === "structure") return literal({ members: declaredMembers(shape, declaration) });
    const item = declaredPart((shape.member ?? shape.value).shape, declaration);
    return literal({ ...constraintOf(name, { ...shape, member: undefined, value: undefined }), item });
  }

  return { declaredMembers, written };
}

/** An object as source; undefined when nothing is in it. Shapes and inner objects are source already. */
function literal(parts) {
  const given = Object.entries(parts).filter(([, value]) => value !== undefined);
  return given.length > 0 ? `{ ${given.map(memberSource).join(", ")} }` : undefined;
}

function memberSource([name, value]) {
  if (name === value) return name;
  if (name === "pattern") return `${name}: ${rawText(value)}`;
  return `${name}: ${Array.isArray(value) ? JSON.stringify(value) : value}`;
}

/** A pattern as source, as it stands in the model, in pieces that fit into a line. */
const rawText = (text) =>
  text
    .match(/(?:\\.|[^\\]){1,80}/gs)
    .map((piece) => (piece.includes("\\") ? `String.raw\`${piece}\`` : JSON.stringify(piece)))
    .join(" + ");

/** The source of a service's file. */
function sourceOf({ name: service, operations }, { models, version }) {
  const { oncePerValue, ...ofModel } = { modelName: service, ...modelled[service] };
  const model = withBesides(readModel(models, ofModel.modelName), models, ofModel.besides);
  const { declaredMembers, written } = shapesOf(ofModel, model);
  const lines = operations
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .map(({ name, members }) => {
      const { input } = model.operations[name];
      return `${name}: ${(input && declaredMembers(model.shapes[input.shape], members, name)) ?? "{}"},`;
    });
  const shapes = [...written]
    .filter(([, source]) => source)
    .map(([name, source]) => `const ${name} = ${source};`);
  return `// Generated by \`npm run constraints\` from the model of AWS CLI ${version}; not to be edited.
import type { Constraints } from "../../wire/validation.ts";

${shapes.join("\n")}

/** What the model says about the members that the operations declare. */
export const constraints: Constraints = {
${oncePerValue ? "oncePerValue: true," : ""}
operations: {
${lines.join("\n")}
},
};
`;
}

const formatted = (source, file) =>
  execFileSync(process.execPath, ["node_modules/oxfmt/bin/oxfmt", `--stdin-filepath=${file}`], {
    input: source,
    encoding: "utf8",
  });

const readIfThere = (file) => (existsSync(file) ? readFileSync(file, "utf8") : undefined);

/** Why the models cannot be read; undefined when they can. */
function missingModels(models) {
  const [, wanted] = /^awscli==(\S+)$/m.exec(readFileSync("test/local/requirements.txt", "utf8"));
  if (!models || !existsSync(models))
    return `there are no models of AWS CLI ${wanted}: see test/local/requirements.txt`;
  return versionOf(models) === wanted ? undefined : `the models are not those of AWS CLI ${wanted}`;
}

async function main(args) {
  const check = args.includes("--check");
  const models = args.find((argument) => !argument.startsWith("--")) ?? modelsOnPath();
  const reason = missingModels(models);
  if (reason) {
    process.stderr.write(`constraints: ${reason}\n`);
    return 2;
  }
  const version = versionOf(models);
  const files = (await declaredServices()).map((service) => {
    const file = `src/local/services/${service.name}/constraints.ts`;
    const source = formatted(sourceOf(service, { models, version }), file);
    return { file, source, differs: source !== readIfThere(file) };
  });
  for (const { file, source } of files.filter(({ differs }) => differs)) {
    process.stdout.write(
      `${file} ${check ? "differs from the model: run npm run constraints" : "written"}\n`,
    );
    if (!check) writeFileSync(file, source);
  }
  return check && files.some(({ differs }) => differs) ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
