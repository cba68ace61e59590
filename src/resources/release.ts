import type { Resource } from "../stack/resource.ts";
import type { AccountResource } from "./account.ts";
import { releasing } from "../settings/table.ts";
import type { FunctionResource } from "./function.ts";
import { complete } from "../aws/answers.ts";
import { changedBetween, contentOf, shortContent } from "../aws/function-content.ts";
import { AS_FOUND, descriptionOf, FIRST, noteIn, UNKNOWN, versionsOf } from "../aws/releases.ts";

interface ReleaseProperties {
  FunctionName: string;
  /** All that it has a copy of. */
  Content: string;
  Description: string;
  /** The version that the function's creation has published already; absent otherwise. */
  Version?: string;
}
type ReleaseAttributes = { Version: string };

/**
 * The newest published version of the function: a copy of its code and settings that does not change. Where
 * the function is to have others, a new one is published (AWS.md 4.6).
 */
export function release(
  { functionName: FunctionName, run }: { functionName: string; run: string },
  needs: { account: AccountResource; lambdaFunction: FunctionResource },
): Resource<ReleaseProperties, ReleaseAttributes, typeof needs> {
  return {
    id: "Release",
    type: "AWS::Lambda::Version",
    name: `of ${FunctionName}`,
    step: [...releasing, "code"],
    needs,
    within: needs.lambdaFunction,
    foundBy: "name",
    adoption: "as its parent",

    desired: ({ account, lambdaFunction: { Content, Published, AsFound, Owner } }) => ({
      FunctionName,
      Content,
      Description: descriptionOf({
        by: account.Caller,
        run,
        changed: AsFound === AS_FOUND ? [AS_FOUND] : [],
        owner: Owner || undefined,
      }),
      ...(Published && { Version: Published }),
    }),
    secret: { Content: shortContent },
    same: { Description: () => true },

    async list(aws) {
      const newest = (await versionsOf(aws, FunctionName))?.at(-1);
      if (!newest) return [];
      const { Version } = complete(newest, ["Version"]);
      const { Description = "" } = newest;
      const properties = { FunctionName, Content: contentOf(newest), Description, Version };
      return [{ attributes: { Version }, properties }];
    },

    async create(aws, { Content, Description, Version: made }, found) {
      if (made !== undefined) return { Version: made };
      const note = noteIn(Description);
      // A second walk of the same deploy, or the next deploy, brings what is the stack's own.
      const isAsFound = note?.changed.includes(AS_FOUND) && !noteIn(found?.properties.Description);
      const before = found?.properties.Content;
      const changed = before === undefined ? [FIRST] : changedBetween(before, Content);
      const published = await aws.lambda.call("PublishVersion", {
        FunctionName,
        Description: descriptionOf({
          by: UNKNOWN,
          run,
          ...note,
          changed: isAsFound ? [AS_FOUND] : changed,
        }),
      });
      return { Version: complete(published, ["Version"]).Version };
    },
  };
}

export type ReleaseResource = ReturnType<typeof release>;
