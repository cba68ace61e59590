import { LambdaClient, UpdateFunctionCodeCommand, waitUntilFunctionUpdatedV2 } from "@aws-sdk/client-lambda";
import { zipFiles } from "../../src/artifact/zip.ts";
import { startDistantAws } from "./distant-aws.ts";
import { accessKey, callsScript, deployTo, msUntilDone } from "./program.ts";
import type { Row } from "./row.ts";

const updateDelayMs = 1_000;

/** A deploy of changed code: each call takes 120 ms, and Lambda's update a second. */
export const row: Row = {
  title: "deploy of code, process",
  rounds: 7,
  async open() {
    const aws = await startDistantAws({ updateDelayMs });
    await msUntilDone(deployTo(aws.nearUrl));
    const change = await otherCode(aws.nearUrl);
    const measured = async (...options: string[]) => {
      await change.make();
      return await msUntilDone(deployTo(aws.url, ...options));
    };
    const floor = () => msUntilDone([callsScript, aws.url, "call", String(updateDelayMs), "call"]);
    return {
      lines: [
        {
          figure: "codeOnly",
          what: "deploy --code-only",
          unit: "ms",
          floor: "upload and answer",
          goal: 1.17,
        },
        { figure: "deploy", what: "deploy", unit: "ms", floor: "upload and answer", goal: 1.29 },
      ],
      contenders: {
        ours: async () => ({ codeOnly: await measured("--code-only"), deploy: await measured() }),
        "upload and answer": async () => ({ codeOnly: await floor(), deploy: await floor() }),
      },
      async close() {
        change.close();
        await aws.close();
      },
    };
  },
};

/** Gives the deployed function other code, and waits until that is in use. */
async function otherCode(endpoint: string) {
  const lambda = new LambdaClient({ endpoint, region: "us-east-1", credentials: accessKey });
  const FunctionName = "shelfshack-websocket-proxy";
  const code = Buffer.from("export const handler = () => {};");
  const { zip: ZipFile } = await zipFiles(new Map([["index.mjs", code]]));
  return {
    async make() {
      await lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile }));
      await waitUntilFunctionUpdatedV2({ client: lambda, maxWaitTime: 10 }, { FunctionName });
    },
    close: () => lambda.destroy(),
  };
}
