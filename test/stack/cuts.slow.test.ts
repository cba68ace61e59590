import { expect, test } from "vitest";
import { type Fault, openFaultProxy } from "../support/fault-proxy.ts";
import { openLocalAws } from "../support/local-aws.ts";
import {
  callsOfOneDeploy,
  changedIds,
  completeStack,
  inventory,
  nothing,
  openTestStack,
} from "../support/stack.ts";

const passing: readonly [string, Fault][] = [
  ["D-03 lost reply to", "lost"],
  ["D-05 500 after the work of", "500-after"],
  ["D-06 a proxy's page instead of the answer to", "html"],
  ["D-06 half an answer to", "truncated"],
  ["D-07 429 for", "429"],
  ["D-08 503 for", "503"],
];

test.each(passing)(
  "%s any one call: the same run converges to one of everything",
  { timeout: 120_000 },
  async (_title, fault) => {
    const calls = await callsOfOneDeploy();
    for (let n = 0; n < calls; n++) {
      const local = await openLocalAws();
      const proxy = await openFaultProxy(local, ({ index }) => (index === n ? fault : undefined));
      const { deploy } = await openTestStack(proxy.url);
      await deploy();
      const direct = await openTestStack(local.url);
      expect(await inventory(direct.aws), `${String(fault)} at call ${n}`).toEqual(completeStack);
      expect(changedIds(await direct.deploy()), `${String(fault)} at call ${n}`).toEqual([]);
    }
  },
);

test.each(["D-01 before", "D-02 after"])(
  "%s any one call the run dies: the next run converges to one of everything",
  { timeout: 120_000 },
  async (when) => {
    const calls = await callsOfOneDeploy();
    for (let n = 0; n < calls; n++) {
      const local = await openLocalAws();
      let dead = false;
      const proxy = await openFaultProxy(local, ({ index }) => {
        if (dead || (when === "D-01 before" && index === n)) return ((dead = true), "cut-before");
        return index === n ? { after: () => void (dead = true) } : undefined;
      });
      const first = await openTestStack(proxy.url);
      await first.deploy().catch((error: unknown) => expect(error).toBeInstanceOf(Error));
      const next = await openTestStack(local.url);
      await next.deploy();
      expect(await inventory(next.aws), `${when} call ${n}`).toEqual(completeStack);
      expect(changedIds(await (await openTestStack(local.url)).deploy())).toEqual([]);
    }
  },
);

test("D-34 destroy cut at any call is finished by the next one", { timeout: 60_000 }, async () => {
  for (let n = 0; n < 6; n++) {
    const local = await openLocalAws();
    await (await openTestStack(local.url)).deploy();
    let dead = false;
    const proxy = await openFaultProxy(local, ({ index }) => {
      if (dead) return "cut-before";
      return index === n ? { after: () => void (dead = true) } : undefined;
    });
    await (
      await openTestStack(proxy.url)
    )
      .destroy()
      .catch((error: unknown) => expect(error).toBeInstanceOf(Error));
    const next = await openTestStack(local.url);
    await next.destroy();
    expect(await inventory(next.aws), `after call ${n}`).toEqual(nothing);
  }
});
