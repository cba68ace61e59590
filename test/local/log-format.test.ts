import { FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { InvokeCommand, type LoggingConfig } from "@aws-sdk/client-lambda";
import { expect, test } from "vitest";
import { recordOf, type LogRecord } from "../../src/logs/record.ts";
import { partReader } from "../../src/trace/log-parts.ts";
import { makeFunction, openLocalAws, type AwsForTest } from "../support/local-aws.ts";

/** Logs in all the ways, the line of the shipped handler among them. */
const source = `export const handler = async (event, { awsRequestId }) => {
  if (event.fail) throw new Error("boom");
  console.log("hello %s", "you");
  console.warn({ event: "odd", code: 7 });
  console.debug("not at INFO");
  const line = { level: "INFO", event: "message", requestId: "r", awsRequestId, connectionId: "c", ms: 3 };
  process.stdout.write(JSON.stringify(line) + "\\n");
};`;

/** What is read of a function that was called with this event. */
async function recordsOf(
  { lambda, logs, ...clients }: AwsForTest,
  { name: FunctionName, event, logging }: { name: string; event: object; logging: LoggingConfig },
): Promise<LogRecord[]> {
  await makeFunction({ ...clients, lambda, logs }, { FunctionName, source, LoggingConfig: logging });
  await lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(event) }));
  const found = await logs.send(new FilterLogEventsCommand({ logGroupName: `/aws/lambda/${FunctionName}` }));
  return (found.events ?? []).map(({ timestamp = 0, logStreamName = "", message = "" }) =>
    recordOf({ timestamp, stream: logStreamName, message }),
  );
}

/** Without ids and what was measured, and without what JSON does not have. */
const comparable = (records: readonly LogRecord[]) =>
  records
    .filter(({ origin, text }) => origin !== "end" && text !== "not at INFO")
    .map(({ level, origin, text, fields = {} }) => ({
      level,
      origin,
      text: text.replaceAll(/[\da-f-]{36}/g, "ID").replaceAll(/[\d.]+ (ms|MB)/g, "N $1"),
      fields: Object.keys(fields).toSorted(),
    }));

/** Which facts of a trace the records have, and which members. */
const parts = (records: readonly LogRecord[]) =>
  records.flatMap((record) => {
    const { fact, hops, ...part } = partReader()(record) ?? {};
    const known = Object.entries(part).filter(([, value]) => value !== undefined);
    return fact === undefined
      ? []
      : [[fact, hops?.map(({ hop, status }) => [hop, status]), known.map(([name]) => name)]];
  });

test("what a function logs in JSON is read as what it logs in text", async () => {
  const local = await openLocalAws();
  const event = {};
  const text = await recordsOf(local, { name: "text", event, logging: { LogFormat: "Text" } });
  const json = await recordsOf(local, { name: "json", event, logging: { LogFormat: "JSON" } });
  expect(json.map(({ origin }) => origin)).toEqual(["init", "start", ...Array(3).fill("function"), "report"]);
  expect(comparable(json).filter(({ text: said }) => said.includes("odd"))).toMatchObject([
    { level: "WARN", text: "odd code=7", fields: ["code", "event"] },
  ]);
  const withoutObject = (records: readonly LogRecord[]) =>
    comparable(records).filter(({ level }) => level !== "WARN");
  expect(withoutObject(json)).toEqual(withoutObject(text));
  expect(parts(json)).toEqual(parts(text));
  expect(parts(json)).toHaveLength(2);
});

test("an error in JSON is its stack, and a level leaves out what is below it", async () => {
  const local = await openLocalAws();
  const logging = { LogFormat: "JSON", ApplicationLogLevel: "ERROR", SystemLogLevel: "WARN" } as const;
  const failed = await recordsOf(local, { name: "failed", event: { fail: true }, logging });
  expect(failed).toMatchObject([
    { level: "ERROR", origin: "function", text: expect.stringMatching(/^Error: boom\n {4}at /) },
  ]);
  expect(await recordsOf(local, { name: "quiet", event: {}, logging })).toMatchObject([
    { fields: { event: "message" } },
  ]);
});
