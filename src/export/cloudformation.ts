import { tagNames } from "../aws/tags.ts";
import type { AnyResource } from "../stack/resource.ts";
import {
  followsOf,
  inexpressible,
  membersAs,
  wholePolicy,
  Secret,
  type Exported,
  type PropertyForm,
} from "./model.ts";
import { isReferring, partsOf, type Reference } from "./reference.ts";

interface Form {
  /** Property names are CloudFormation's already, where they are settings of it. */
  properties: Readonly<Record<string, PropertyForm>>;
  /** How another resource refers to an attribute: as text within `Fn::Sub`. */
  attributes?: Readonly<Record<string, (id: string) => string>>;
  tags?: "list" | "map";
  besides?: Readonly<Record<string, unknown>>;
}

const FORMAT = "CloudFormation";

/** Properties that keep their names. */
const same = (...names: string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(names.map((name) => [name, name]));

const ref = (id: string): string => id;
const got = (attribute: string) => (id: string) => `${id}.${attribute}`;

/** Every type of resource of the stack. */
const forms: Readonly<Record<string, Form>> = {
  "AWS::IAM::Role": {
    properties: same("RoleName", "AssumeRolePolicyDocument", "Path", "PermissionsBoundary"),
    attributes: { Arn: got("Arn") },
    tags: "list",
  },
  "AWS::IAM::RolePolicy": {
    properties: {
      ...same("RoleName", "PolicyName"),
      PolicyDocument: (_ours, of) => ({ PolicyDocument: wholePolicy(of) }),
      LeftStatements: null,
    },
  },
  "AWS::Logs::LogGroup": { properties: same("LogGroupName", "RetentionInDays"), tags: "list" },
  "AWS::ApiGatewayV2::Api": {
    properties: { ...same("Name", "ProtocolType", "RouteSelectionExpression"), OthersRoutes: null },
    attributes: {
      ApiId: ref,
      ApiEndpoint: got("ApiEndpoint"),
    },
    tags: "map",
  },
  "AWS::ApiGatewayV2::Integration": {
    properties: same(
      "ApiId",
      "Description",
      "IntegrationType",
      "IntegrationMethod",
      "IntegrationUri",
      "TimeoutInMillis",
    ),
    attributes: { IntegrationId: ref },
  },
  "AWS::ApiGatewayV2::Route": {
    properties: same("ApiId", "RouteKey", "OperationName", "AuthorizationType", "ApiKeyRequired", "Target"),
  },
  "AWS::ApiGatewayV2::Deployment": {
    properties: same("ApiId", "Description"),
    attributes: { DeploymentId: ref },
  },
  "AWS::ApiGatewayV2::Stage": {
    properties: {
      ...same("ApiId", "StageName", "DeploymentId", "AutoDeploy", "DefaultRouteSettings"),
      AccessLogSettings: (value: object | "off") => (value === "off" ? {} : { AccessLogSettings: value }),
    },
    tags: "map",
  },
  "AWS::Lambda::Function": {
    properties: {
      ...same("FunctionName", "Role", "Runtime", "Handler", "Timeout", "MemorySize", "Architectures"),
      // Before there is one, who deploys it is not known.
      Description: (Description: string) => (isReferring(Description) ? {} : { Description }),
      KMSKeyArn: "KmsKeyArn",
      Environment: (Variables: object) => ({ Environment: { Variables } }),
      TracingConfig: "TracingConfig",
      LoggingConfig: "LoggingConfig",
      VpcConfig: (value: Readonly<Record<string, readonly string[]>>) =>
        value["SubnetIds"]?.length ? { VpcConfig: value } : {},
      ReservedConcurrentExecutions: (value: number | "none") =>
        value === "none" ? {} : { ReservedConcurrentExecutions: value },
      // The zip says it; the others are no settings.
      CodeSha256: null,
      ConfiguredVariables: null,
      State: null,
    },
    attributes: { FunctionArn: got("Arn") },
    tags: "list",
    besides: { Code: { S3Bucket: { Ref: "CodeBucket" }, S3Key: { Ref: "CodeKey" } } },
  },
  // CloudFormation publishes no second one under the same id.
  "AWS::Lambda::Version": {
    properties: { FunctionName: "FunctionName", Content: null, Description: null, Version: null },
    attributes: { Version: got("Version") },
  },
  "AWS::Lambda::Alias": {
    properties: { ...same("FunctionName", "Name", "FunctionVersion"), AlsoServed: null, Served: null },
  },
  "AWS::Lambda::Permission": {
    properties: {
      ...same("Action", "Principal", "SourceArn", "SourceAccount"),
      FunctionName: (FunctionName: string, { properties: { Qualifier } }: Exported) => ({
        FunctionName: typeof Qualifier === "string" ? `${FunctionName}:${Qualifier}` : FunctionName,
      }),
      Qualifier: null,
    },
  },
};

const ofTheCaller: Readonly<Record<string, string>> = {
  Account: "AWS::AccountId",
  Partition: "AWS::Partition",
};

const formOf = ({ id, type }: Pick<AnyResource, "id" | "type">): Form => {
  const { [type]: form } = forms;
  if (form) return form;
  throw inexpressible(FORMAT, `${id} (${type})`);
};

/** A template, and the parameters that have no default. */
export interface CloudFormationExport {
  text: string;
  parameters: string[];
}

interface Writing {
  byId: ReadonlyMap<string, AnyResource>;
  /** The names of the parameters for secrets, by those of the secrets. */
  parameters: Map<string, string>;
}

/** The stack as a template in JSON. Throws a CliError that names what CloudFormation has no words for. */
export function cloudFormationOf(all: readonly Exported[]): CloudFormationExport {
  const writing: Writing = {
    byId: new Map(all.map(({ resource }) => [resource.id, resource])),
    parameters: new Map(),
  };
  const resources = Object.fromEntries(all.map((one) => [one.resource.id, resourceOf(one, writing)]));
  const secrets = [...writing.parameters.values()];
  const template = {
    AWSTemplateFormatVersion: "2010-09-09",
    Description: "a WebSocket proxy, exported from shelfshack-ws",
    Parameters: {
      CodeBucket: { Type: "String", Description: "the bucket with the zip" },
      CodeKey: { Type: "String", Default: "websocket_proxy.zip" },
      ManagedBy: { Type: "String", Default: "cloudformation" },
      ...Object.fromEntries(secrets.map((name) => [name, { Type: "String", NoEcho: true }])),
    },
    Resources: resources,
  };
  return { text: JSON.stringify(template, null, 2), parameters: ["CodeBucket", ...secrets] };
}

function resourceOf(of: Exported, writing: Writing): object {
  const { resource, tags } = of;
  const form = formOf(resource);
  const members = membersAs(FORMAT, of, form.properties);
  const after = followsOf(of, members).filter((id) => writing.byId.has(id));
  return {
    Type: resource.type,
    ...(after.length > 0 && { DependsOn: after }),
    Properties: {
      ...(valueOf(members, writing) as object),
      ...form.besides,
      ...(form.tags && tags && { Tags: tagsAs(form.tags, tags) }),
    },
  };
}

function tagsAs(kind: "list" | "map", tags: Readonly<Record<string, string>>): object {
  const all = Object.entries(tags).map(
    ([key, value]) => [key, key === tagNames.managedBy ? { Ref: "ManagedBy" } : value] as const,
  );
  return kind === "map" ? Object.fromEntries(all) : all.map(([Key, Value]) => ({ Key, Value }));
}

function valueOf(value: unknown, writing: Writing): unknown {
  if (value instanceof Secret) return { Ref: parameterOf(value, writing) };
  if (typeof value === "string") return textOf(value, writing);
  if (Array.isArray(value)) return value.map((item) => valueOf(item, writing));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, valueOf(member, writing)]));
}

/** Parameters have letters and digits alone: two names may become the same one. */
function parameterOf({ name }: Secret, { parameters }: Writing): string {
  const plain = `Env${name.replaceAll("_", "")}`;
  const taken = new Set(parameters.values());
  const free = taken.has(plain) ? `${plain}${taken.size}` : plain;
  const parameter = parameters.get(name) ?? free;
  parameters.set(name, parameter);
  return parameter;
}

function textOf(value: string, { byId }: Writing): unknown {
  const parts = partsOf(value);
  if (parts.every((part) => typeof part === "string")) return value;
  const written = parts.map((part) =>
    typeof part === "string" ? part.replaceAll("${", "${!") : variableOf(part, byId),
  );
  const [only, ...more] = parts;
  const isAlone = more.length === 0 && only !== undefined && typeof only !== "string";
  const [, name, attribute] = (isAlone && /^\$\{([\w:]+)(?:\.(\w+))?\}$/.exec(written.join(""))) || [];
  if (name === undefined) return { "Fn::Sub": written.join("") };
  return attribute === undefined ? { Ref: name } : { "Fn::GetAtt": [name, attribute] };
}

/** The address for `@connections` is no attribute of its own there. */
const managementEndpoint = (id: string): string =>
  `https://\${${id}}.execute-api.\${AWS::Region}.\${AWS::URLSuffix}`;

function variableOf({ id, attribute }: Reference, byId: ReadonlyMap<string, AnyResource>): string {
  const resource = byId.get(id);
  if (resource && attribute === "ManagementEndpoint") return managementEndpoint(id);
  const name = resource ? formOf(resource).attributes?.[attribute]?.(id) : ofTheCaller[attribute];
  if (name === undefined) throw inexpressible(FORMAT, `${id}.${attribute}`);
  return `\${${name}}`;
}
