/**
 * A function's process: loads the module that its first argument names, handles events one after the other
 * as its parent asks, and says what they cost in CPU time, all threads together, in milliseconds.
 */
const { handler } = (await import(process.argv[2]!)) as {
  handler(event: unknown, context: object): Promise<unknown>;
};

const context = {
  awsRequestId: "8f5a1c0e-0000-4000-8000-000000000001",
  invokedFunctionArn: "arn:aws:lambda:us-east-1:123456789012:function:proxy",
  getRemainingTimeInMillis: () => 30_000,
};

const cpuMs = (before?: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
};

/** An event, and how often to handle it. */
export interface Task {
  event: object;
  times: number;
}

process.on("message", ({ event, times }: Task) => {
  void (async () => {
    const before = process.cpuUsage();
    for (let turn = 0; turn < times; turn++) await handler(event, context);
    process.send?.({ cpuMs: cpuMs(before), soFarMs: cpuMs() });
  })();
});
process.send?.({ cpuMs: cpuMs(), soFarMs: cpuMs() });
