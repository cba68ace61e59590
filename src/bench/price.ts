import { CliError } from "../errors/error.ts";
import { linesOf } from "../estimate/cost.ts";
import { dollars } from "../estimate/dollars.ts";
import { assumedLoad } from "../estimate/load.ts";
import { pricesOf } from "../estimate/prices.ts";
import { messagesOf, type Plan } from "./plan.ts";

/** What a run costs on AWS, in US dollars, by the price table of that month; without free tiers. */
export interface RunCost {
  usd: number;
  prices: typeof pricesOf;
}

/** The price of a run behind API Gateway and Lambda, whose invocations take what is assumed of any load. */
export function runCost(plan: Plan): RunCost {
  const { connections, people, durationMs, ramp, messageBytes } = plan;
  const messages = messagesOf(plan);
  const lines = linesOf({
    ...assumedLoad,
    messages,
    // Each also has an answer to its sender.
    frames: messages * people,
    connectionMinutes: (connections * (durationMs / 1000 + connections / ramp / 2)) / 60,
    // Each connection is $connect and $disconnect.
    invocations: messages + 2 * connections,
    messageBytes,
  });
  const usd = lines.reduce((sum, line) => sum + line.usd, 0);
  return { usd: Number(usd.toPrecision(3)), prices: pricesOf };
}

/** That in words. */
export const costText = ({ usd, prices: { month, region } }: RunCost): string =>
  `${usd < 0.01 ? "" : "about "}${dollars(usd)} by ${region}'s prices of ${month}, ` +
  "without free tiers and the backend";

/** More than this takes `--yes` on AWS: the account's quota is 500 new connections per second. */
const unasked = { connections: 1_000, ramp: 500, usd: 10 };

/** What of a plan is too much without a yes; empty for an ordinary one. */
function heavyParts({ connections, ramp }: Plan, { usd }: RunCost): string[] {
  return [
    ...(connections > unasked.connections ? [`${connections.toLocaleString("en")} connections`] : []),
    ...(ramp > unasked.ramp ? [`${ramp.toLocaleString("en")} new connections per second`] : []),
    ...(usd > unasked.usd ? [`costs of ${dollars(usd)}`] : []),
  ];
}

/** What a run on AWS costs. Throws a CliError (exit 4) for a heavy one that was not confirmed. */
export function confirmedCost(plan: Plan, isConfirmed: boolean): RunCost {
  const cost = runCost(plan);
  const heavy = heavyParts(plan, cost);
  if (heavy.length === 0 || isConfirmed) return cost;
  const message = `this run would cost ${costText(cost)}; ${heavy.join(" and ")} on AWS were not confirmed`;
  throw new CliError("load-refused", message, {
    hint:
      "pass --yes to do it: others share the account's quota of 500 new connections per second; " +
      "or take fewer --connections and messages and a slower --ramp",
  });
}

const ofAws = /(^|\.)(amazonaws\.com(\.cn)?|amazonaws\.eu|api\.aws)$/;

/** Whether an address is one of AWS's own: there a load costs money, and others share the quota. */
export const isOnAws = (address: string): boolean =>
  URL.canParse(address) && ofAws.test(new URL(address).hostname.toLowerCase().replace(/\.+$/, ""));
