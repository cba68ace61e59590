import { randomBytes } from "node:crypto";
import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  type FunctionConfiguration,
  type Runtime,
} from "@aws-sdk/client-lambda";
import { MADE_ON_FIRST_DEPLOY, orMissing, type Found, type Resource, type Tags } from "../stack/resource.ts";
import type { Aws } from "../target.ts";
import type { ApiResource } from "./api.ts";
import { settled } from "./function-state.ts";
import type { logGroup } from "./log-group.ts";
import type { RoleResource } from "./role.ts";

type Variables = Readonly<Record<string, string>>;

interface FunctionProperties {
  FunctionName: string;
  /** SHA-256 of the zip, base64: what Lambda answers for the code that it runs (aws-behaviour 4.6). */
  CodeSha256: string;
  Runtime: string;
  Handler: string;
  Role: string;
  Timeout: number;
  MemorySize: number;
  Architectures: readonly string[];
  Environment: Variables;
}
type FunctionAttributes = { FunctionArn: string };

export interface FunctionConfig {
  functionName: string;
  stage: string;
  runtime: string;
  handler: string;
  timeout: number;
  memory: number;
  backendUrl: string | undefined;
  variables: Variables;
  zip: Uint8Array;
  zipSha256: string;
  tags: Tags;
}

/** The function with its code, settings and environment. Variables that somebody else set stay as they are. */
export function lambdaFunction(
  config: FunctionConfig,
  needs: { role: RoleResource; api: ApiResource; logGroup: ReturnType<typeof logGroup> },
): Resource<FunctionProperties, FunctionAttributes, typeof needs> {
  const { functionName: FunctionName, zip: ZipFile } = config;
  return {
    id: "Function",
    type: "AWS::Lambda::Function",
    name: FunctionName,
    needs,

    desired: ({ role, api }) => ({
      FunctionName,
      CodeSha256: config.zipSha256,
      Runtime: config.runtime,
      Handler: config.handler,
      Role: role.Arn,
      Timeout: config.timeout,
      MemorySize: config.memory,
      Architectures: ["x86_64"],
      Environment: {
        ...config.variables,
        ...(config.backendUrl ? { BACKEND_URL: config.backendUrl } : {}),
        API_GATEWAY_ENDPOINT: `${api.ManagementEndpoint}/${config.stage}`,
        SIGNING_KEYS: MADE_ON_FIRST_DEPLOY,
      },
    }),
    // What the seed calls a minimum: a larger value that somebody set is not lowered.
    same: { MemorySize: (found, desired) => found >= desired },

    async read(aws) {
      const answer = await orMissing(aws.lambda.send(new GetFunctionCommand({ FunctionName })));
      return answer?.Configuration && foundFunction(answer.Configuration, answer.Tags ?? {});
    },

    async create(aws, { CodeSha256: _ofTheZip, Environment, Architectures: _default, Runtime, ...desired }) {
      const { FunctionArn = "" } = await aws.lambda.send(
        new CreateFunctionCommand({
          ...desired,
          Runtime: Runtime as Runtime,
          Architectures: ["x86_64"],
          Code: { ZipFile },
          Environment: { Variables: withSigningKey(Environment) },
          Tags: { ...config.tags },
        }),
      );
      await settled(aws, FunctionName);
      return { FunctionArn };
    },

    async update(aws, _found, desired, changed) {
      await settled(aws, FunctionName);
      if (changed.has("CodeSha256")) {
        await aws.lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile, Architectures: ["x86_64"] }));
        await settled(aws, FunctionName);
      }
      if ([...changed].some((property) => property !== "CodeSha256")) await updateConfiguration(aws, desired);
    },

    async delete(aws) {
      await orMissing(aws.lambda.send(new DeleteFunctionCommand({ FunctionName })));
    },
  };
}

export type FunctionResource = ReturnType<typeof lambdaFunction>;

function foundFunction(found: FunctionConfiguration, tags: Tags): Found<FunctionProperties, FunctionAttributes> {
  const { FunctionArn = "", FunctionName = "", CodeSha256 = "", Runtime = "", Handler = "", Role = "", Timeout = 3, MemorySize = 128 } = found;
  return {
    attributes: { FunctionArn },
    properties: {
      FunctionName,
      CodeSha256,
      Runtime,
      Handler,
      Role,
      Timeout,
      MemorySize,
      Architectures: found.Architectures ?? ["x86_64"],
      Environment: found.Environment?.Variables ?? {},
    },
    tags,
  };
}

/** The variables with a signing key in place of its placeholder: `whsec_` and 32 random bytes (contract.md 1). */
function withSigningKey(variables: Variables): Record<string, string> {
  const key = variables.SIGNING_KEYS === MADE_ON_FIRST_DEPLOY ? { SIGNING_KEYS: `whsec_${randomBytes(32).toString("base64")}` } : {};
  return { ...variables, ...key };
}

const MERGES_AT_MOST = 3;

/**
 * Writes the settings. The environment can only be replaced as a whole, so it is read again and merged, and Lambda is told which
 * revision the merge is of: when somebody else writes in between, it is merged once more and no variable is lost (aws-behaviour 4.4, 412).
 */
async function updateConfiguration(aws: Aws, desired: FunctionProperties): Promise<void> {
  const { FunctionName, Runtime, Handler, Role, Timeout, MemorySize } = desired;
  for (let attempt = 1; ; attempt++) {
    const { Environment, RevisionId } = await aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    const merged = withSigningKey({ ...desired.Environment, ...keptKey(Environment?.Variables) });
    const Variables = { ...Environment?.Variables, ...merged };
    try {
      await aws.lambda.send(
        new UpdateFunctionConfigurationCommand({ FunctionName, Runtime: Runtime as Runtime, Handler, Role, Timeout, MemorySize, Environment: { Variables }, RevisionId }),
      );
      return await settled(aws, FunctionName);
    } catch (error) {
      const raced = error instanceof Error && error.name === "PreconditionFailedException";
      if (!raced || attempt >= MERGES_AT_MOST) throw error;
      await settled(aws, FunctionName);
    }
  }
}

const keptKey = (variables: Variables = {}): Variables => (variables.SIGNING_KEYS ? { SIGNING_KEYS: variables.SIGNING_KEYS } : {});
