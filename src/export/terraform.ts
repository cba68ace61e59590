import { isDeepStrictEqual } from "node:util";
import { STATEMENT_ID } from "../resources/permission.ts";
import { accountLimits } from "../resources/stage.ts";
import { tagNames } from "../aws/tags.ts";
import type { AnyResource } from "../stack/resource.ts";
import { Block, block, Expression, Json, type Words } from "./hcl.ts";
import {
  followsOf,
  inexpressible,
  membersAs,
  wholePolicy,
  type Exported,
  type PropertyForm,
} from "./model.ts";
import { attributesAsReferences, isReferring, type Reference } from "./reference.ts";

/** How the provider has a type of resource; the whole is left out where another one's members say it. */
interface Form {
  /** Absent where another one's members say it. */
  resource?: string;
  properties: Readonly<Record<string, PropertyForm>>;
  /** What follows the resource's address where another one refers to an attribute; or a whole expression. */
  attributes?: Readonly<Record<string, (address: string) => string>>;
  /** The id that an import block wants, of what was found. */
  importId(found: Readonly<Record<string, string>>): string;
  hasTags?: true;
  /** It is a copy of what it follows: a change there takes another one. */
  isSnapshot?: true;
  /** Nothing waits for it but what refers to it. */
  isOnlyReferred?: true;
  /** Members besides the properties. */
  besides?: Readonly<Record<string, unknown>>;
}

const FORMAT = "Terraform";
/** Where a stage has none, the provider reads 0; where it has some and no block says so, it writes 0. */
const isLimited = (limits: unknown, { found }: Exported): boolean =>
  found?.attributes["LimitedBy"] === "the stage" || !isDeepStrictEqual(limits, accountLimits);
const id = (address: string) => `${address}.id`;
const arn = (address: string) => `${address}.arn`;
const functionName = (address: string) => `${address}.function_name`;
/** The name of another resource: where that is exported too, an attribute of it, so that both go together. */
const nameIn =
  (argument: string, need: string, attribute: string) =>
  (name: string, { needs }: Exported): Readonly<Record<string, unknown>> => ({
    [argument]: needs.includes(need) ? attributesAsReferences(need)[attribute] : name,
  });
const inApi =
  (name: string) =>
  (found: Readonly<Record<string, string>>): string =>
    `${found["ApiId"]}/${found[name]}`;
const json =
  (name: string) =>
  (value: unknown): Readonly<Record<string, unknown>> => ({ [name]: new Json(value) });

/** Every type of resource of the stack; arguments and import ids as the AWS provider documents them. */
const forms: Readonly<Record<string, Form>> = {
  "AWS::IAM::Role": {
    resource: "aws_iam_role",
    properties: {
      RoleName: "name",
      AssumeRolePolicyDocument: json("assume_role_policy"),
      Path: "path",
      PermissionsBoundary: "permissions_boundary",
    },
    attributes: { Arn: arn, RoleName: id },
    // A deploy begins with it, as it may be denied. An API that depends on it would have it replaced as the
    // deployment is, the new one first, and its name is taken.
    isOnlyReferred: true,
    importId: ({ RoleName = "" }) => RoleName,
    hasTags: true,
  },
  "AWS::IAM::RolePolicy": {
    resource: "aws_iam_role_policy",
    properties: {
      RoleName: nameIn("role", "Role", "RoleName"),
      PolicyName: "name",
      PolicyDocument: (_ours, of) => ({ policy: new Json(wholePolicy(of)) }),
      LeftStatements: null,
    },
    importId: ({ RoleName, PolicyName }) => `${RoleName}:${PolicyName}`,
  },
  "AWS::Logs::LogGroup": {
    resource: "aws_cloudwatch_log_group",
    properties: { LogGroupName: "name", RetentionInDays: "retention_in_days" },
    importId: ({ LogGroupName = "" }) => LogGroupName,
    hasTags: true,
  },
  "AWS::ApiGatewayV2::Api": {
    resource: "aws_apigatewayv2_api",
    properties: {
      Name: "name",
      ProtocolType: "protocol_type",
      RouteSelectionExpression: "route_selection_expression",
      OthersRoutes: null,
    },
    attributes: {
      ApiId: id,
      ApiEndpoint: (address) => `${address}.api_endpoint`,
      // `ws` stands there at the local AWS.
      ManagementEndpoint: (address) => `replace(${address}.api_endpoint, "/^ws/", "http")`,
    },
    importId: ({ ApiId = "" }) => ApiId,
    hasTags: true,
  },
  "AWS::ApiGatewayV2::Integration": {
    resource: "aws_apigatewayv2_integration",
    properties: {
      ApiId: "api_id",
      Description: "description",
      IntegrationType: "integration_type",
      IntegrationMethod: "integration_method",
      IntegrationUri: "integration_uri",
      TimeoutInMillis: "timeout_milliseconds",
    },
    attributes: { IntegrationId: id },
    importId: inApi("IntegrationId"),
  },
  "AWS::ApiGatewayV2::Route": {
    resource: "aws_apigatewayv2_route",
    properties: {
      ApiId: "api_id",
      RouteKey: "route_key",
      OperationName: "operation_name",
      AuthorizationType: "authorization_type",
      ApiKeyRequired: "api_key_required",
      Target: "target",
    },
    importId: inApi("RouteId"),
  },
  "AWS::ApiGatewayV2::Deployment": {
    resource: "aws_apigatewayv2_deployment",
    properties: { ApiId: "api_id", Description: "description" },
    attributes: { DeploymentId: id },
    importId: inApi("DeploymentId"),
    isSnapshot: true,
  },
  "AWS::ApiGatewayV2::Stage": {
    resource: "aws_apigatewayv2_stage",
    properties: {
      ApiId: "api_id",
      StageName: "name",
      DeploymentId: "deployment_id",
      AutoDeploy: "auto_deploy",
      DefaultRouteSettings: (limits: typeof accountLimits, of) =>
        isLimited(limits, of)
          ? {
              default_route_settings: new Block({
                throttling_burst_limit: limits.ThrottlingBurstLimit,
                throttling_rate_limit: limits.ThrottlingRateLimit,
              }),
            }
          : {},
      AccessLogSettings: (value: { DestinationArn: string; Format: string } | "off") =>
        value === "off"
          ? {}
          : {
              access_log_settings: new Block({ destination_arn: value.DestinationArn, format: value.Format }),
            },
    },
    importId: inApi("StageName"),
    hasTags: true,
  },
  "AWS::Lambda::Function": {
    resource: "aws_lambda_function",
    properties: {
      FunctionName: "function_name",
      Description: (text: string) => (isReferring(text) ? {} : { description: text }),
      Role: "role",
      Runtime: "runtime",
      Handler: "handler",
      Timeout: "timeout",
      MemorySize: "memory_size",
      Architectures: "architectures",
      KMSKeyArn: "kms_key_arn",
      Environment: (variables: object) => ({ environment: new Block({ variables }) }),
      TracingConfig: ({ Mode }: { Mode?: string }) =>
        Mode === undefined ? {} : { tracing_config: new Block({ mode: Mode }) },
      LoggingConfig: ({ LogFormat, ApplicationLogLevel, LogGroup }: Readonly<Record<string, unknown>>) => ({
        logging_config: new Block({
          log_format: LogFormat,
          application_log_level: ApplicationLogLevel,
          log_group: LogGroup,
        }),
      }),
      VpcConfig: ({ SubnetIds, SecurityGroupIds }: Readonly<Record<string, readonly string[]>>) =>
        SubnetIds?.length
          ? { vpc_config: new Block({ subnet_ids: SubnetIds, security_group_ids: SecurityGroupIds }) }
          : {},
      ReservedConcurrentExecutions: (value: number | "none") =>
        value === "none" ? {} : { reserved_concurrent_executions: value },
      // The zip says it; the others are no settings.
      CodeSha256: null,
      ConfiguredVariables: null,
      State: null,
    },
    attributes: { FunctionArn: arn, FunctionName: functionName },
    importId: ({ FunctionName = "" }) => FunctionName,
    hasTags: true,
    besides: {
      publish: true,
      filename: new Expression("var.filename"),
      source_code_hash: new Expression("filebase64sha256(var.filename)"),
    },
  },
  // `publish` of the function makes one with each change.
  "AWS::Lambda::Version": {
    properties: { FunctionName: null, Content: null, Description: null, Version: null },
    attributes: { Version: () => "aws_lambda_function.function.version" },
    importId: () => "",
  },
  "AWS::Lambda::Alias": {
    resource: "aws_lambda_alias",
    properties: {
      FunctionName: nameIn("function_name", "Function", "FunctionName"),
      Name: "name",
      FunctionVersion: "function_version",
      AlsoServed: null,
      Served: null,
    },
    attributes: { FunctionName: functionName, Name: (address) => `${address}.name` },
    importId: ({ FunctionName, Name }) => `${FunctionName}/${Name}`,
  },
  "AWS::Lambda::Permission": {
    resource: "aws_lambda_permission",
    properties: {
      FunctionName: nameIn("function_name", "Alias", "FunctionName"),
      Qualifier: nameIn("qualifier", "Alias", "Name"),
      Action: "action",
      Principal: "principal",
      SourceArn: "source_arn",
      SourceAccount: "source_account",
    },
    importId: ({ FunctionName, Qualifier }) =>
      `${FunctionName}${Qualifier === undefined ? "" : `:${Qualifier}`}/${STATEMENT_ID}`,
    besides: { statement_id: STATEMENT_ID },
  },
};

/** The account that Terraform itself works in. */
const ofTheCaller: Readonly<Record<string, string>> = {
  Account: "data.aws_caller_identity.current.account_id",
  Partition: "data.aws_partition.current.partition",
};

const formOf = ({ id: name, type }: Pick<AnyResource, "id" | "type">): Form => {
  const { [type]: form } = forms;
  if (form) return form;
  throw inexpressible(FORMAT, `${name} (${type})`);
};

/** `RoutePolicy` → `route_policy`. */
const localName = (name: string): string => name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase();
const addressOf = (resource: AnyResource): string => `${formOf(resource).resource}.${localName(resource.id)}`;

/** What was written, and the ids that it imports. */
export interface TerraformExport {
  text: string;
  imports: { to: string; id: string }[];
  variables: string[];
}

/** The stack as HCL. Throws a CliError that names what Terraform has no words for. */
export function terraformOf(all: readonly Exported[], { region }: { region: string }): TerraformExport {
  const byId = new Map(all.map(({ resource }) => [resource.id, resource]));
  const secrets = new Set<string>();
  const words: Words = {
    reference: (reference) => referenceText(reference, byId),
    variable: ({ name }) => {
      secrets.add(name);
      return `var.env_${name}`;
    },
  };
  const written = all.filter(({ resource }) => formOf(resource).resource !== undefined);
  const resources = written.map((one) => resourceText(one, byId, words));
  const imports = written.flatMap((one) => importOf(one));
  const parts = [
    header(region),
    variablesText({ secrets, managedBy: managerOf(all) }, words),
    ...resources,
    ...imports.map(({ to, id: real }) => block("import", { to: new Expression(to), id: real }, words)),
  ];
  return { text: parts.join("\n"), imports, variables: [...secrets].map((name) => `env_${name}`) };
}

function referenceText({ id: name, attribute }: Reference, byId: ReadonlyMap<string, AnyResource>): string {
  const resource = byId.get(name);
  const expression = resource
    ? formOf(resource).attributes?.[attribute]?.(addressOf(resource))
    : ofTheCaller[attribute];
  if (expression === undefined) throw inexpressible(FORMAT, `${name}.${attribute}`);
  return expression;
}

const isWaitedFor = ({ resource, isOnlyReferred }: Form): boolean =>
  resource !== undefined && !isOnlyReferred;

function resourceText(of: Exported, byId: ReadonlyMap<string, AnyResource>, words: Words): string {
  const { resource, tags } = of;
  const form = formOf(resource);
  const members = membersAs(FORMAT, of, form.properties);
  const after = followsOf(of, members).flatMap((name) => {
    const need = byId.get(name);
    return need && isWaitedFor(formOf(need)) ? [addressOf(need)] : [];
  });
  return block(
    `resource "${form.resource}" "${localName(resource.id)}"`,
    {
      ...members,
      ...form.besides,
      ...(form.hasTags && tags && Object.keys(tags).length > 0 ? { tags: taggedAs(tags) } : {}),
      ...(after.length > 0 ? orderOf(form, after) : {}),
    },
    words,
  );
}

function orderOf({ isSnapshot }: Form, after: readonly string[]): Readonly<Record<string, unknown>> {
  const addresses = after.map((address) => new Expression(address));
  if (!isSnapshot) return { depends_on: addresses };
  // A stage serves the old one until it has the new one.
  return { lifecycle: new Block({ create_before_destroy: true, replace_triggered_by: addresses }) };
}

/** Whose it is a variable says: Terraform takes it over when that is changed. */
const taggedAs = (tags: Readonly<Record<string, string>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(tags).map(([key, value]) => [
      key,
      key === tagNames.managedBy ? new Expression("var.managed_by") : value,
    ]),
  );

/** Whose it is now; what is not deployed will be Terraform's. */
const managerOf = (all: readonly Exported[]): string =>
  all.flatMap(({ found, tags }) => (found && tags?.[tagNames.managedBy]) ?? [])[0] ?? "terraform";

function importOf({ resource, found }: Exported): TerraformExport["imports"] {
  if (!found) return [];
  const facts: Readonly<Record<string, string>> = { ...found.properties, ...found.attributes };
  return [{ to: addressOf(resource), id: formOf(resource).importId(facts) }];
}

/** The provider takes `nodejs24.x` from that version on. */
const header = (
  region: string,
): string => `# A WebSocket proxy, exported from shelfshack-ws. The file that var.filename names is
# what its command "package" writes. Values that may be secret are variables.
terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.21"
    }
  }
}

provider "aws" {
  region = "${region}"
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
`;

function variablesText(
  { secrets, managedBy }: { secrets: ReadonlySet<string>; managedBy: string },
  words: Words,
): string {
  const type = new Expression("string");
  return [
    block('variable "filename"', { type, default: "websocket_proxy.zip" }, words),
    block(
      'variable "managed_by"',
      {
        type,
        description: "set to terraform, nothing else deploys this stack any more",
        default: managedBy,
      },
      words,
    ),
    ...[...secrets].map((name) => block(`variable "env_${name}"`, { type, sensitive: true }, words)),
  ].join("\n");
}
