// `npm run constraints [-- FOLDER]` writes src/local/services/*/constraints.ts: what AWS's models say about
// the inputs of the operations that are emulated. The models are those of the AWS CLI that
// test/local/requirements.txt names: botocore's folder `data`, given, or found beside the programs on the
// PATH; without them the exit code is 2. With `--check` nothing is written, and it is 1 where a file differs.
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("../..", import.meta.url)));

/**
 * The services by their folders, with the names of their models. `differs` has what AWS does otherwise than
 * its model says, by shape or by operation and member; undefined takes a constraint away.
 */
const services = {
  apigateway: {
    modelName: "apigatewayv2",
    differs: {
      // WebSocket APIs allow a second less than HTTP APIs.
      IntegerWithLengthBetween50And30000: { max: 29_000 },
      "CreateStage.StageName": { pattern: String.raw`[-\w]+|\$default` },
    },
  },
  iam: { modelName: "iam" },
  lambda: {
    modelName: "lambda",
    oncePerValue: true,
    differs: {
      // The service has its own list and its own error (AWS.md 4.2).
      Runtime: { values: undefined },
      // The model allows more than the quotas (AWS.md 4.1).
      Timeout: { max: 900 },
      MemorySize: { max: 10_240 },
    },
  },
  logs: { modelName: "logs" },
  sts: { modelName: "sts" },
};

const isFolder = (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** The models of an AWS CLI whose program lies in a folder of the PATH. */
const modelsOnPath = () =>
  (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "..", "lib"))
    .filter(isFolder)
    .flatMap((lib) => readdirSync(lib).map((name) => join(lib, name, "site-packages/awscli/botocore/data")))
    .find(isFolder);

const versionOf = (models) =>
  /__version__ = '(.+)'/.exec(readFileSync(join(models, "../../__init__.py"), "utf8"))?.[1];

function readModel(models, name) {
  const newest = readdirSync(join(models, name)).sort().at(-1);
  return JSON.parse(readFileSync(join(models, name, newest, "service-2.json"), "utf8"));
}

/** The operations that a service's files name. */
function emulated(folder, { operations }) {
  const files = readdirSync(folder).filter((file) => file !== "constraints.ts");
  const source = files.map((file) => readFileSync(join(folder, file), "utf8")).join("\n");
  return Object.keys(operations)
    .filter((name) => new RegExp(`(^|[^.\\w])${name}\\b\\s*[(:]|"${name}"`, "m").test(source))
    .sort();
}

/** Some models say a text's length in words only: `A string with a length between [1-128].` */
function lengthInWords({ type, documentation = "" }) {
  const [, min, max] = /A string.* with a length between \[(\d+)-(\d+)\]/.exec(documentation) ?? [];
  return type === "string" && max ? { min: Number(min), max: Number(max) } : {};
}

/** A pattern that JavaScript takes; another one is left out, and the reason is printed. */
function understood(pattern, where) {
  try {
    return pattern && new RegExp(`^(?:${pattern})$`, pattern.includes("\\p{") ? "u" : "") && pattern;
  } catch (error) {
    process.stdout.write(`${where}: the pattern is left out: ${error.message}\n`);
    return undefined;
  }
}

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
      pattern: understood(pattern, `${modelName}.${name}`),
      values,
      members: shape.members && membersOf(shape),
      key: shape.key && reference(shape.key.shape),
      item: shape.type === "structure" ? undefined : itemOf(shape),
      ...differs[name],
    };
  }

  const itemOf = ({ member, value }) => (member ?? value) && reference((member ?? value).shape);

  const membersOf = ({ members = {} }, operation = "") =>
    literal(
      Object.fromEntries(
        Object.entries(members).map(([member, { shape }]) => {
          const own = differs[`${operation}.${member}`];
          return [
            member,
            own ? literal({ ...constraintOf(shape, shapes[shape]), ...own }) : reference(shape),
          ];
        }),
      ),
    );

  return { membersOf, written };
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
function sourceOf(folder, service, { models, version }) {
  const model = readModel(models, service.modelName);
  const { membersOf, written } = shapesOf(service, model);
  const operations = emulated(folder, model).map((name) => {
    const { input } = model.operations[name];
    return [name, (input && membersOf(model.shapes[input.shape], name)) ?? "{}"];
  });
  const shapes = [...written]
    .filter(([, source]) => source)
    .map(([name, source]) => `const ${name} = ${source};`);
  return `// Generated by \`npm run constraints\` from the model of AWS CLI ${version}; not to be edited.
import type { Constraints } from "../../wire/validation.ts";

${shapes.join("\n")}

/** What the model says about the inputs of the operations that are emulated. */
export const constraints: Constraints = {
${service.oncePerValue ? "oncePerValue: true," : ""}
operations: {
${operations.map(([name, source]) => `${name}: ${source},`).join("\n")}
},
};
`;
}

const formatted = (source, file) =>
  execFileSync(process.execPath, ["node_modules/oxfmt/bin/oxfmt", `--stdin-filepath=${file}`], {
    input: source,
    encoding: "utf8",
  });

const readIfThere = (file) =>
  statSync(file, { throwIfNoEntry: false }) ? readFileSync(file, "utf8") : undefined;

/** Why the models cannot be read; undefined when they can. */
function missingModels(models) {
  const [, wanted] = /^awscli==(\S+)$/m.exec(readFileSync("test/local/requirements.txt", "utf8"));
  if (!models || !isFolder(models))
    return `there are no models of AWS CLI ${wanted}: see test/local/requirements.txt`;
  return versionOf(models) === wanted ? undefined : `the models are not those of AWS CLI ${wanted}`;
}

function main(args) {
  const check = args.includes("--check");
  const models = args.find((argument) => !argument.startsWith("--")) ?? modelsOnPath();
  const reason = missingModels(models);
  if (reason) {
    process.stderr.write(`constraints: ${reason}\n`);
    return 2;
  }
  const files = Object.entries(services).map(([name, service]) => {
    const folder = `src/local/services/${name}`;
    const file = `${folder}/constraints.ts`;
    const source = formatted(sourceOf(folder, service, { models, version: versionOf(models) }), file);
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

process.exitCode = main(process.argv.slice(2));
