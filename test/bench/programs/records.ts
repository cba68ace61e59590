import { openTraces } from "../../../src/local/traces.ts";

/**
 * Records messages as the local AWS does while no page is open, and prints the CPU time of one in
 * microseconds, with what the records later cost the garbage collector.
 */
const [, , warmUp = "20000", measured = "200000"] = process.argv;
const at = Date.now();
const address = { apiId: "a1b2c3d4e5", stage: "production" };
const environment = "ASIA0123456789ABCDEF";
const place = { group: "/aws/lambda/shelfshack-websocket-proxy", stream: "2026/01/01/[1]0123456789abcdef" };
const traces = openTraces();
traces.environment(environment);

/** What the gateway and the runtime tell of a message that is sent back to its sender. */
function record(number: number): void {
  const connectionId = `Ub${number % 50}acX1IAMCJpw=`;
  const [requestId, lambdaRequestId] = [`UbT2nH5bIAMFSnA${number}=`, `6b3f0d0e-1c2d-4e5f-8a9b-${number}`];
  const line = (message: string) => ({ ...place, timestamp: at, message });
  const gateway = { ...address, connectionId, at, ms: 1, status: 200 };
  traces.logged([line(`START RequestId: ${lambdaRequestId} Version: 1\n`)]);
  traces.seen({ kind: "delivery", ...gateway, requestId, bytes: 21, accessKeyId: environment });
  traces.logged([
    line(`END RequestId: ${lambdaRequestId}\n`),
    line(
      `REPORT RequestId: ${lambdaRequestId}\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\n`,
    ),
  ]);
  const run = { functionName: "f", region: "r", requestId: lambdaRequestId, accessKeyId: environment };
  traces.ran({ ...run, startedAt: at, ms: 1 });
  const event = { event: "message", routeKey: "$default", bytes: 21, requestId, lambdaRequestId } as const;
  traces.seen({ kind: "event", ...gateway, ...event });
}

for (let number = 0; number < Number(warmUp); number++) record(number);
const before = process.cpuUsage();
for (let number = 0; number < Number(measured); number++) record(number);
const { user, system } = process.cpuUsage(before);
process.stdout.write(`${(user + system) / Number(measured)}\n`);
