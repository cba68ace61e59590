import { expect, test } from "vitest";
import { start, type Running } from "../support/program.ts";
import { openFaultProxy } from "../support/fault-proxy.ts";
import { openLocalAws, pointedAt } from "../support/local-aws.ts";
import { callsOfOneDeploy, completeStack, inventory, openTestStack } from "../support/stack.ts";

const backendUrl = ["--backend-url", "http://127.0.0.1:9"];

test.each(["D-01 before", "D-02 after"])(
  "%s any one call the program is killed: the next run makes exactly one of everything",
  { timeout: 120_000 },
  async (when) => {
    const calls = await callsOfOneDeploy();
    for (let n = 0; n < calls; n++) {
      const local = await openLocalAws();
      const program: { running?: Running } = {};
      const kill = () => program.running?.signal("SIGKILL");
      const proxy = await openFaultProxy(local, ({ index }) =>
        index === n ? (when === "D-01 before" ? { before: kill } : { after: kill }) : undefined,
      );
      program.running = start(["deploy", ...backendUrl, "--no-test"], {
        env: pointedAt(proxy.url),
        input: null,
      });
      expect((await program.running.ended).code).toBe(null);
      const next = await openTestStack(local.url);
      await next.deploy();
      expect(await inventory(next.aws), `${when} call ${n}`).toEqual(completeStack);
    }
  },
);
