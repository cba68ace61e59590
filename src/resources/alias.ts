import type { AliasConfiguration } from "@aws-sdk/client-lambda";
import type { Found, Resource } from "../stack/resource.ts";
import { releasing } from "../settings/table.ts";
import { versionProperties, type FunctionResource } from "./function.ts";
import type { ReleaseResource } from "./release.ts";
import { complete, orDenied } from "../aws/answers.ts";
import { aliasMembers } from "../aws/authentic.ts";
import { untilActive } from "../aws/lambda-function.ts";
import { aliasOf, isRollback, prune, versionsOf } from "../aws/releases.ts";
import { ALIAS } from "../aws/served.ts";

interface AliasProperties {
  FunctionName: string;
  Name: string;
  FunctionVersion: string;
  /** Versions beside it that get a share of its calls, such as `2=0.1`. */
  AlsoServed: readonly string[];
  /** What it serves after a rollback; nothing asks for it. */
  Served?: object;
}
type AliasAttributes = { AliasArn: string; RevisionId: string; Description: string };

/**
 * What the API calls: the alias that serves the newest release, or after a rollback an older one. It is moved
 * in one call, and what it served before stays for a rollback. Releases beyond the kept number go after that.
 */
export function alias(
  { functionName: FunctionName, keepReleases }: { functionName: string; keepReleases: number },
  needs: { lambdaFunction: FunctionResource; release: ReleaseResource },
): Resource<AliasProperties, AliasAttributes, typeof needs> {
  return {
    id: "Alias",
    type: "AWS::Lambda::Alias",
    name: `${FunctionName}:${ALIAS}`,
    step: [...releasing, "code"],
    needs,
    within: needs.lambdaFunction,
    foundBy: "name",
    adoption: "as its parent",

    desired: ({ release: { Version } }) => ({
      FunctionName,
      Name: ALIAS,
      FunctionVersion: Version,
      AlsoServed: [],
    }),
    leaves: ({ attributes: { Description }, properties: { FunctionVersion: served } }) =>
      isRollback(Description) ? [`the rollback to release ${served} ends with this deploy`] : [],
    leadsFrom: ({ properties: { Served } }) => Served && { need: needs.lambdaFunction, before: Served },

    async list(aws) {
      const found = await aliasOf(aws, FunctionName);
      if (!found) return [];
      const alias = foundAlias(FunctionName, found);
      if (!isRollback(found.Description)) return [alias];
      // A caller that may not list them is still told of the rollback.
      const versions = await orDenied(versionsOf(aws, FunctionName));
      const served = versions?.find(({ Version }) => Version === found.FunctionVersion);
      return [
        {
          ...alias,
          properties: { ...alias.properties, ...(served && { Served: versionProperties(served) }) },
        },
      ];
    },

    async create(aws, { Name, FunctionVersion }) {
      const created = await aws.lambda.call("CreateAlias", { FunctionName, Name, FunctionVersion });
      return foundAlias(FunctionName, created).attributes;
    },

    async update(aws, { FunctionVersion }, found, _changed, check) {
      const { attributes, properties } = found;
      const { FunctionVersion: before = "" } = properties;
      await untilActive(aws, FunctionName, undefined, FunctionVersion);
      const { serveNew } = await import("../aws/alias-move.ts");
      await serveNew(aws, {
        functionName: FunctionName,
        version: FunctionVersion,
        revisionId: attributes.RevisionId,
        present: attributes.Description,
        endsRollback: true,
      });
      if (Number(FunctionVersion) > keepReleases)
        await prune(aws, FunctionName, { keep: keepReleases, used: [FunctionVersion, before], check });
    },
  };
}

export type AliasResource = ReturnType<typeof alias>;

function foundAlias(
  FunctionName: string,
  found: AliasConfiguration,
): Found<AliasProperties, AliasAttributes> {
  const { AliasArn, FunctionVersion, RevisionId } = complete(found, aliasMembers);
  const { Description = "", RoutingConfig } = found;
  const shares = Object.entries(RoutingConfig?.AdditionalVersionWeights ?? {});
  return {
    attributes: { AliasArn, RevisionId, Description },
    properties: {
      FunctionName,
      Name: ALIAS,
      FunctionVersion,
      AlsoServed: shares.map(([version, weight]) => `${version}=${weight}`),
    },
  };
}
