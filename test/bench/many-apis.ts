import { ApiGatewayV2Client, CreateApiCommand } from "@aws-sdk/client-apigatewayv2";
import { startDistantAws } from "./distant-aws.ts";
import { accessKey, deployTo, msUntilDone, ours } from "./program.ts";
import type { Row } from "./row.ts";

/** Accounts with many APIs, over one with two: a page of their list has 100. Each call takes 120 ms. */
export const row: Row = {
  title: "an account of 500 APIs over one of 2, process",
  rounds: 7,
  async open() {
    const [few, many] = await Promise.all([startAccount(2), startAccount(500)]);
    const measured = (url: string) => async () => ({
      deploy: await msUntilDone(deployTo(url)),
      outputs: await msUntilDone([ours, "outputs", "--endpoint-url", url]),
    });
    return {
      lines: [
        { figure: "deploy", what: "deploy without a change", unit: "ms", floor: "2 APIs", goal: 1.05 },
        { figure: "outputs", what: "outputs", unit: "ms", floor: "2 APIs", goal: 1.05 },
      ],
      contenders: { ours: measured(many.url), "2 APIs": measured(few.url) },
      async close() {
        await few.close();
        await many.close();
      },
    };
  },
};

/** An account with other APIs, and a stack that was made last. */
async function startAccount(apis: number) {
  const aws = await startDistantAws({ pageSize: 100 });
  const client = new ApiGatewayV2Client({
    endpoint: aws.nearUrl,
    region: "us-east-1",
    credentials: accessKey,
  });
  for (let at = 1; at < apis; at++)
    await client.send(
      new CreateApiCommand({
        Name: `other-${at}`,
        ProtocolType: "WEBSOCKET",
        RouteSelectionExpression: "$request.body.action",
      }),
    );
  client.destroy();
  await msUntilDone(deployTo(aws.nearUrl));
  return aws;
}
