import * as logs from "@aws-sdk/client-cloudwatch-logs";
import { expect, test } from "vitest";
import { openLocalAws, type AwsForTest } from "../support/local-aws.ts";

const logGroupName = "/aws/lambda/proxy";
const group = `arn:aws:logs:us-east-1:000000000000:log-group:${logGroupName}`;

/** A group with streams, and how to write lines into them that count on. */
async function makeLog({ logs: client }: AwsForTest, streams: string[]) {
  await client.send(new logs.CreateLogGroupCommand({ logGroupName }));
  for (const logStreamName of streams)
    await client.send(new logs.CreateLogStreamCommand({ logGroupName, logStreamName }));
  let lines = 0;
  const base = Date.now() - 1_000_000;
  const write = (logStreamName: string, count: number, length = 1) => {
    const logEvents = Array.from({ length: count }, () => ({
      timestamp: base + (lines += 1),
      message: String(lines).padEnd(length, "x"),
    }));
    return client.send(new logs.PutLogEventsCommand({ logGroupName, logStreamName, logEvents }));
  };
  const streamNames = async () => {
    const { logStreams = [] } = await client.send(new logs.DescribeLogStreamsCommand({ logGroupName }));
    return logStreams.map(({ logStreamName }) => logStreamName);
  };
  return { write, streamNames };
}

/** The numbers of the lines that a search finds. */
async function searched({ logs: client }: AwsForTest): Promise<number[]> {
  const found: number[] = [];
  for await (const { events = [] } of logs.paginateFilterLogEvents({ client }, { logGroupName }))
    found.push(...events.map(({ message }) => Number.parseInt(message ?? "")));
  return found;
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

test("a group keeps the last 50,000 events, and no stream without any", async () => {
  const aws = await openLocalAws();
  const { write, streamNames } = await makeLog(aws, ["old", "unused", "young"]);
  await write("old", 1_000);
  for (let calls = 0; calls < 5; calls += 1) await write("young", 10_000);
  expect(await streamNames()).toEqual(["old", "unused", "young"]);
  await write("young", 5_000);
  expect(await searched(aws)).toEqual(range(6_001, 56_000));
  expect(await streamNames()).toEqual(["unused", "young"]);
});

test("a group keeps the last 64 MB", async () => {
  const aws = await openLocalAws();
  const { write } = await makeLog(aws, ["a"]);
  for (let calls = 0; calls < 30; calls += 1) await write("a", 10, 250_000);
  const kept = await searched(aws);
  expect(kept.at(-1)).toBe(300);
  expect(kept.length * 250_000).toBeLessThan(1.1 * 64 * 1024 * 1024);
  expect(kept.length * 250_000).toBeGreaterThan(0.9 * 64 * 1024 * 1024);
  const { logGroups } = await aws.logs.send(new logs.DescribeLogGroupsCommand({}));
  expect(logGroups).toMatchObject([{ storedBytes: kept.length * 250_026 }]);
});

test(
  "a reader misses none while the oldest events are dropped and reads none twice",
  { timeout: 60_000 },
  async () => {
    const aws = await openLocalAws();
    const { write } = await makeLog(aws, ["a"]);
    const read: number[] = [];
    let nextToken: string | undefined;
    const readOn = async () => {
      for (let token; token !== nextToken || token === undefined;) {
        token = nextToken;
        const page: logs.GetLogEventsCommandOutput = await aws.logs.send(
          new logs.GetLogEventsCommand({ logGroupName, logStreamName: "a", startFromHead: true, nextToken }),
        );
        read.push(...(page.events ?? []).map(({ message }) => Number(message)));
        nextToken = page.nextForwardToken;
      }
    };
    for (let calls = 0; calls < 8; calls += 1) {
      await write("a", 10_000);
      await readOn();
    }
    expect(read).toEqual(range(1, 80_000));
  },
);

test("a search continues behind the last event of its page, also when that was dropped", async () => {
  const aws = await openLocalAws();
  const { write } = await makeLog(aws, ["a"]);
  await write("a", 10);
  const page = (nextToken?: string) =>
    aws.logs.send(new logs.FilterLogEventsCommand({ logGroupName, limit: 4, nextToken }));
  const first = await page();
  for (let calls = 0; calls < 6; calls += 1) await write("a", 10_000);
  const second = await page(first.nextToken);
  expect([first, second].map(({ events }) => events?.map(({ message }) => message))).toEqual([
    ["1", "2", "3", "4"],
    ["10011", "10012", "10013", "10014"],
  ]);
});

test("a token of GetLogEvents leads back to where it came from, with what has come in between", async () => {
  const aws = await openLocalAws();
  const { write } = await makeLog(aws, ["a"]);
  await write("a", 4);
  const get = async (given: Partial<logs.GetLogEventsCommandInput>) => {
    const answer = await aws.logs.send(
      new logs.GetLogEventsCommand({ logGroupName, logStreamName: "a", ...given }),
    );
    return { ...answer, text: (answer.events ?? []).map(({ message }) => message).join("") };
  };
  const end = await get({ nextToken: (await get({})).nextForwardToken });
  expect(end.text).toBe("");
  expect((await get({ nextToken: end.nextBackwardToken, limit: 2 })).text).toBe("34");
  await write("a", 2);
  expect((await get({ nextToken: end.nextForwardToken })).text).toBe("56");
  const empty = await get({ startTime: Date.now() });
  expect([empty.text, (await get({ nextToken: empty.nextForwardToken, limit: 1 })).text]).toEqual(["", "1"]);
});

test("a live tail that is not read keeps one update's events and reports that it left some out", async () => {
  const aws = await openLocalAws({ liveTailMs: 300 });
  const { write } = await makeLog(aws, ["a"]);
  const { responseStream } = await aws.logs.send(
    new logs.StartLiveTailCommand({ logGroupIdentifiers: [group] }),
  );
  const updates = responseStream?.[Symbol.asyncIterator]();
  const next = async () => ((await updates?.next())?.value ?? {}) as logs.StartLiveTailResponseStream;
  expect(await next()).toHaveProperty("sessionStart");
  await write("a", 300);
  await write("a", 300);
  const { sessionUpdate } = await next();
  expect(sessionUpdate?.sessionMetadata).toEqual({ sampled: true });
  expect(sessionUpdate?.sessionResults?.map(({ message }) => Number(message))).toEqual(range(101, 600));
  expect((await next()).sessionUpdate).toMatchObject({
    sessionMetadata: { sampled: false },
    sessionResults: [],
  });
});
