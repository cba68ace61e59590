import * as logs from "@aws-sdk/client-cloudwatch-logs";
import { expect, test } from "vitest";
import { openLocalAws, refusal, type AwsForTest } from "../support/local-aws.ts";

const logGroupName = "/aws/lambda/proxy";
const arn = `arn:aws:logs:us-east-1:000000000000:log-group:${logGroupName}`;

/** A minute ago; the events of these tests are this much later. */
const base = Date.now() - 60_000;

/** A group with a stream, and how to write lines into it, each a millisecond after the one before. */
async function makeGroup({ logs: client }: AwsForTest, logStreamName = "a") {
  await client.send(new logs.CreateLogGroupCommand({ logGroupName })).catch((error: Error) => {
    if (error.name !== "ResourceAlreadyExistsException") throw error;
  });
  await client.send(new logs.CreateLogStreamCommand({ logGroupName, logStreamName }));
  let at = 1_000;
  return (messages: string[], from = at) => {
    at = from + messages.length;
    const logEvents = messages.map((message, index) => ({ message, timestamp: base + from + index }));
    return client.send(new logs.PutLogEventsCommand({ logGroupName, logStreamName, logEvents }));
  };
}

const filtered = async (aws: AwsForTest, given: Partial<logs.FilterLogEventsCommandInput> = {}) => {
  const found: (string | undefined)[] = [];
  for await (const { events = [] } of logs.paginateFilterLogEvents(
    { client: aws.logs },
    { logGroupName, ...given },
  ))
    found.push(...events.map(({ message }) => message));
  return found;
};

test("a group has two ARNs, and no retention until one is set", async () => {
  const aws = await openLocalAws();
  await aws.logs.send(new logs.CreateLogGroupCommand({ logGroupName, tags: { a: "1" } }));
  const described = async () =>
    (await aws.logs.send(new logs.DescribeLogGroupsCommand({ logGroupNamePrefix: "/aws" }))).logGroups?.[0];
  expect(await described()).toMatchObject({
    logGroupName,
    arn: `${arn}:*`,
    logGroupArn: arn,
    storedBytes: 0,
    creationTime: expect.any(Number),
  });
  expect(await described()).not.toHaveProperty("retentionInDays");
  await aws.logs.send(new logs.PutRetentionPolicyCommand({ logGroupName, retentionInDays: 30 }));
  expect(await described()).toMatchObject({ retentionInDays: 30 });
  await aws.logs.send(new logs.DeleteRetentionPolicyCommand({ logGroupName }));
  expect(await described()).not.toHaveProperty("retentionInDays");
  await aws.logs.send(new logs.TagResourceCommand({ resourceArn: arn, tags: { b: "2" } }));
  await aws.logs.send(new logs.UntagResourceCommand({ resourceArn: arn, tagKeys: ["a"] }));
  expect((await aws.logs.send(new logs.ListTagsForResourceCommand({ resourceArn: arn }))).tags).toEqual({
    b: "2",
  });
  expect((await aws.in("eu-west-1").logs.send(new logs.DescribeLogGroupsCommand({}))).logGroups).toEqual([]);
});

test("names and texts of CloudWatch Logs' refusals, all of them 400", async () => {
  const aws = await openLocalAws();
  await makeGroup(aws);
  const { logs: client } = aws;
  const none = { logGroupName: "none" };
  const cases: [call: () => Promise<unknown>, name: string, message: RegExp][] = [
    [
      () => client.send(new logs.CreateLogGroupCommand({ logGroupName })),
      "ResourceAlreadyExistsException",
      /^The specified log group already exists$/,
    ],
    [
      () => client.send(new logs.FilterLogEventsCommand(none)),
      "ResourceNotFoundException",
      /^The specified log group does not exist\.$/,
    ],
    [
      () => client.send(new logs.DeleteLogGroupCommand(none)),
      "ResourceNotFoundException",
      /^The specified log group does not exist\.$/,
    ],
    [
      () => client.send(new logs.GetLogEventsCommand({ logGroupName, logStreamName: "none" })),
      "ResourceNotFoundException",
      /^The specified log stream does not exist\.$/,
    ],
    [
      () => client.send(new logs.FilterLogEventsCommand({ logGroupName, nextToken: "made up" })),
      "InvalidParameterException",
      /^The specified nextToken is invalid\.$/,
    ],
    [
      () => client.send(new logs.FilterLogEventsCommand({ logGroupName, limit: 10_001 })),
      "InvalidParameterException",
      /^1 validation error detected: Value '10001' at 'limit' .* value less than or equal to 10000$/,
    ],
    [
      () => client.send(new logs.PutRetentionPolicyCommand({ logGroupName, retentionInDays: 31 })),
      "InvalidParameterException",
      /retentionInDays/,
    ],
    [
      () => client.send(new logs.CreateLogGroupCommand({ logGroupName: "a b" })),
      "InvalidParameterException",
      /logGroupName/,
    ],
    [
      () => client.send(new logs.FilterLogEventsCommand({ logGroupName, filterPattern: "{ $.a" })),
      "InvalidParameterException",
      /filter pattern/,
    ],
    [
      () => client.send(new logs.FilterLogEventsCommand({ logGroupName, filterPattern: '"open' })),
      "InvalidParameterException",
      /filter pattern/,
    ],
    ...["%(?=a)%", "%a*?%", "%(%", "%a\\1%"].map(
      (filterPattern): [() => Promise<unknown>, string, RegExp] => [
        () => client.send(new logs.FilterLogEventsCommand({ logGroupName, filterPattern })),
        "InvalidParameterException",
        /filter pattern/,
      ],
    ),
    [
      () =>
        client.send(
          new logs.DescribeLogStreamsCommand({
            logGroupName,
            orderBy: "LastEventTime",
            logStreamNamePrefix: "a",
          }),
        ),
      "InvalidParameterException",
      /^Cannot order by LastEventTime with a logStreamNamePrefix\.$/,
    ],
    [
      () => client.send(new logs.DescribeLogStreamsCommand({ logGroupName, logGroupIdentifier: arn })),
      "ValidationException",
      /^LogGroup name and LogGroup ARN are mutually exclusive parameters\.$/,
    ],
    [
      () => client.send(new logs.DescribeLogStreamsCommand({ logGroupIdentifier: `${arn}:*` })),
      "InvalidParameterException",
      /at 'logGroupIdentifier' failed to satisfy constraint/,
    ],
    ...[arn.replace("us-east-1", "eu-west-1"), arn.replace("000000000000", "111111111111")].flatMap(
      (elsewhere): [() => Promise<unknown>, string, RegExp][] => [
        [
          () => client.send(new logs.DescribeLogStreamsCommand({ logGroupIdentifier: elsewhere })),
          "ResourceNotFoundException",
          /log group does not exist/,
        ],
        [
          () => client.send(new logs.ListTagsForResourceCommand({ resourceArn: elsewhere })),
          "ResourceNotFoundException",
          /log group does not exist/,
        ],
      ],
    ),
    [
      () => client.send(new logs.CreateLogGroupCommand({ logGroupName: "x".repeat(513) })),
      "InvalidParameterException",
      /^Invalid LogGroup or LogStream, both must have length less than or equal to 512\.$/,
    ],
    [
      () => client.send(new logs.CreateLogStreamCommand({ logGroupName, logStreamName: "x".repeat(513) })),
      "InvalidParameterException",
      /^Invalid LogGroup or LogStream, both must have length less than or equal to 512\.$/,
    ],
    [
      () => client.send(new logs.StartLiveTailCommand({ logGroupIdentifiers: [logGroupName] })),
      "InvalidParameterException",
      /not the ARN/,
    ],
    [
      () => client.send(new logs.StartLiveTailCommand({ logGroupIdentifiers: [`${arn}:*`] })),
      "InvalidParameterException",
      /at 'logGroupIdentifiers' failed to satisfy constraint: Member must satisfy constraint: \[/,
    ],
    [
      () => client.send(new logs.StartLiveTailCommand({ logGroupIdentifiers: [`${arn}-2`] })),
      "ResourceNotFoundException",
      /log group/,
    ],
    [
      () =>
        client.send(
          new logs.StartLiveTailCommand({ logGroupIdentifiers: [arn, arn], logStreamNames: ["a"] }),
        ),
      "InvalidParameterException",
      /single log group/,
    ],
  ];
  for (const [call, name, message] of cases)
    expect(await refusal(call())).toEqual({ name, status: 400, message: expect.stringMatching(message) });
  const notHere = client.send(
    new logs.StartQueryCommand({ startTime: 0, endTime: 1, queryString: "fields @message" }),
  );
  expect(await refusal(notHere)).toEqual({
    name: "NotImplementedException",
    status: 501,
    message: "StartQuery (logs) is not emulated by the local AWS",
  });
});

test("events are sorted by time, whenever they arrived; the end of a search is inclusive", async () => {
  const aws = await openLocalAws();
  const write = await makeGroup(aws);
  const other = await makeGroup(aws, "b");
  await write(["a1\n", "a2\n"], 1_000);
  await other(["b1\n"], 999);
  await write(["late\n"], 500);
  expect(await filtered(aws)).toEqual(["late\n", "b1\n", "a1\n", "a2\n"]);
  expect(await filtered(aws, { startTime: base + 999, endTime: base + 1_000 })).toEqual(["b1\n", "a1\n"]);
  expect(await filtered(aws, { logStreamNames: ["b"] })).toEqual(["b1\n"]);
  expect(
    await filtered(aws, { logStreamNamePrefix: "a", logGroupName: undefined, logGroupIdentifier: arn }),
  ).toHaveLength(3);
  const { events = [] } = await aws.logs.send(new logs.FilterLogEventsCommand({ logGroupName }));
  expect(new Set(events.map(({ eventId }) => eventId)).size).toBe(4);
  const { logStreams } = await aws.logs.send(
    new logs.DescribeLogStreamsCommand({ logGroupName, orderBy: "LastEventTime", descending: true }),
  );
  expect(logStreams).toMatchObject([
    { logStreamName: "a", firstEventTimestamp: base + 500, lastEventTimestamp: base + 1_001 },
    { logStreamName: "b" },
  ]);
});

test("events that are too old, expired or too far ahead are dropped and named (AWS.md 7.2)", async () => {
  const aws = await openLocalAws();
  await makeGroup(aws);
  const day = 86_400_000;
  const put = async (...days: number[]) => {
    const logEvents = days.map((ago) => ({ message: `${ago}`, timestamp: Date.now() - ago * day }));
    const command = new logs.PutLogEventsCommand({ logGroupName, logStreamName: "a", logEvents });
    return (await aws.logs.send(command)).rejectedLogEventsInfo;
  };
  expect(await put(16, 15, 13, 0, -1 / 8)).toEqual({
    tooOldLogEventEndIndex: 2,
    tooNewLogEventStartIndex: 4,
  });
  expect(await put(13, 1, -1 / 24)).toBeUndefined();
  await aws.logs.send(new logs.PutRetentionPolicyCommand({ logGroupName, retentionInDays: 3 }));
  expect(await put(15, 4, 2)).toEqual({ tooOldLogEventEndIndex: 1, expiredLogEventEndIndex: 2 });
  expect(await filtered(aws)).toEqual(["13", "13", "2", "1", "0", `${-1 / 24}`]);
});

test("groups are listed by patterns, and tagged by their names", async () => {
  const aws = await openLocalAws();
  await makeGroup(aws);
  await aws.logs.send(new logs.CreateLogGroupCommand({ logGroupName: "other" }));
  const named = async (logGroupNamePattern?: string) =>
    (await aws.logs.send(new logs.ListLogGroupsCommand({ logGroupNamePattern }))).logGroups;
  expect(await named("^/aws/lambda|nothing")).toEqual([
    { logGroupName, logGroupArn: arn, logGroupClass: "STANDARD" },
  ]);
  expect([(await named("lambda"))?.length, (await named("^lambda"))?.length]).toEqual([1, 0]);
  expect(await named()).toHaveLength(2);
  await aws.logs.send(new logs.TagLogGroupCommand({ logGroupName, tags: { a: "1", b: "2" } }));
  await aws.logs.send(new logs.UntagLogGroupCommand({ logGroupName, tags: ["a"] }));
  expect((await aws.logs.send(new logs.ListTagsLogGroupCommand({ logGroupName }))).tags).toEqual({ b: "2" });
  const byPattern = new logs.DescribeLogGroupsCommand({ logGroupNamePattern: "lambda" });
  const [shown] = (await aws.logs.send(byPattern)).logGroups ?? [];
  expect(shown).toMatchObject({ logGroupName, logGroupClass: "STANDARD" });
  expect(shown).not.toHaveProperty("storedBytes");
  expect(shown).not.toHaveProperty("deletionProtectionEnabled");
});

test("a page of a search can be empty and still have a token", async () => {
  const aws = await openLocalAws({ pageSize: 2 });
  const write = await makeGroup(aws);
  await write(["1", "2", "3", "4", "5 ERROR"]);
  const first = await aws.logs.send(
    new logs.FilterLogEventsCommand({ logGroupName, filterPattern: "ERROR" }),
  );
  expect(first).toMatchObject({ events: [], nextToken: expect.any(String) });
  expect(await filtered(aws, { filterPattern: "ERROR" })).toEqual(["5 ERROR"]);
  expect(await filtered(aws, { limit: 1 })).toEqual(["1", "2", "3", "4", "5 ERROR"]);
});

const lines = [
  "ERROR one",
  "WARN two",
  "INFO one two",
  '{"level":"ERROR","status":500,"path":"/api/ws","user":{"name":"ann"},"list":[1,2]}',
  '{"level":"INFO","status":200,"path":"/health","gone":null}',
];
const patterns: [pattern: string, matching: number[]][] = [
  ["", [0, 1, 2, 3, 4]],
  ["ERROR", [0, 3]],
  ["error", []],
  ["one two", [2]],
  ['"one two"', [2]],
  ["?WARN ?INFO", [1, 2, 4]],
  ["two -INFO", [1]],
  ['-"one two" -level', [0, 1]],
  ['{ $.level = "ERROR" }', [3]],
  ['{ $.level != "ERROR" }', [4]],
  ["{ $.status >= 500 }", [3]],
  ["{ $.status < 500 }", [4]],
  ['{ $.path = "/api*" }', [3]],
  ['{ ($.status = 200 || $.status = 500) && $.user.name = "ann" }', [3]],
  ["{ $.list[1] = 2 }", [3]],
  ["{ $.gone IS NULL }", [4]],
  ["{ $.user.name NOT EXISTS }", [4]],
  ["{ $.toString NOT EXISTS }", [3, 4]],
  ["%ERROR|WARN%", [0, 1, 3]],
  ["%^[A-Z]{4} \\w+%", [1, 2]],
  ["%one two$%", [2]],
  ["two -%^INFO%", [1]],
  ["?%^WARN% ?health", [1, 4]],
  ["{ $.path = %^/api/% }", [3]],
  ["{ $.status = %^5..$% && $.level != %INFO% }", [3]],
];

test.each(patterns)("filter pattern %s", async (filterPattern, matching) => {
  const aws = await openLocalAws();
  await (
    await makeGroup(aws)
  )(lines);
  expect(await filtered(aws, { filterPattern })).toEqual(matching.map((index) => lines[index]));
});

test("GetLogEvents reads in both directions; its end is exclusive, the last token stays", async () => {
  const aws = await openLocalAws();
  await (
    await makeGroup(aws)
  )(["1", "2", "3", "4"], 1_000);
  const get = async (given: Partial<logs.GetLogEventsCommandInput>) => {
    const answer = await aws.logs.send(
      new logs.GetLogEventsCommand({ logGroupName, logStreamName: "a", ...given }),
    );
    return { ...answer, text: (answer.events ?? []).map(({ message }) => message).join("") };
  };
  const head = await get({ startFromHead: true, limit: 2 });
  const next = await get({ nextToken: head.nextForwardToken, limit: 5 });
  expect([head.text, next.text]).toEqual(["12", "34"]);
  expect(await get({ nextToken: next.nextForwardToken })).toMatchObject({
    text: "",
    nextForwardToken: next.nextForwardToken,
  });
  const tail = await get({ limit: 3 });
  expect([tail.text, (await get({ nextToken: tail.nextBackwardToken })).text]).toEqual(["234", "1"]);
  expect((await get({ startTime: base + 1_001, endTime: base + 1_003 })).text).toBe("23");
});

test("a live tail sends what is written from now on, and an update even when there is nothing", async () => {
  const aws = await openLocalAws({ liveTailMs: 20 });
  const write = await makeGroup(aws);
  await write(["before"]);
  const tail = new logs.StartLiveTailCommand({ logGroupIdentifiers: [arn], logEventFilterPattern: "-noise" });
  const { responseStream } = await aws.logs.send(tail);
  const events = responseStream?.[Symbol.asyncIterator]();
  const next = async () => ((await events?.next())?.value ?? {}) as logs.StartLiveTailResponseStream;
  expect((await next()).sessionStart).toMatchObject({
    logGroupIdentifiers: [arn],
    sessionId: expect.any(String),
  });
  expect((await next()).sessionUpdate).toMatchObject({
    sessionMetadata: { sampled: false },
    sessionResults: [],
  });
  await write(["after", "noise"]);
  const results: logs.LiveTailSessionLogEvent[] = [];
  while (results.length === 0) results.push(...((await next()).sessionUpdate?.sessionResults ?? []));
  expect(results).toMatchObject([
    { message: "after", logStreamName: "a", logGroupIdentifier: `000000000000:${logGroupName}` },
  ]);
  await write(Array.from({ length: 600 }, (_, index) => `line ${index}`));
  let update = (await next()).sessionUpdate;
  while (update?.sessionResults?.length === 0) update = (await next()).sessionUpdate;
  expect(update).toMatchObject({ sessionMetadata: { sampled: true } });
  expect(update?.sessionResults).toHaveLength(500);
  await aws.close();
  await expect(next()).resolves.toEqual({});
});
