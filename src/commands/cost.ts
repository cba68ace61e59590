import type { Command } from "../cli/command.ts";
import { timeText, typing } from "../cli/next.ts";
import { command as invocation } from "../errors/advice.ts";
import { costOf, type CostLine } from "../estimate/cost.ts";
import type { Estimate } from "../estimate/load.ts";
import { estimated } from "../estimate/measured.ts";
import { pricesOf } from "../estimate/prices.ts";
import { loadLine } from "../terminal/load.ts";
import { headedTable } from "../terminal/format.ts";

interface CostResult extends Estimate {
  prices: typeof pricesOf;
  /** Of one month, in US dollars. */
  lines: CostLine[];
  usd: number;
  /** What the free tiers take away at most. */
  freeUsd: number;
}

export const command: Command<"cost", CostResult> = {
  async run({ memory, ...options }, context) {
    const estimate = await estimated({ ...options, memoryMb: memory }, () => context.aws(options));
    const lines = costOf(estimate.load);
    const sum = (of: (line: CostLine) => number) => lines.reduce((total, line) => total + of(line), 0);
    const [usd, freeUsd] = [sum((line) => line.usd), sum((line) => line.freeUsd)];
    return { ...estimate, prices: pricesOf, lines, usd, freeUsd };
  },

  render({ lines, usd, freeUsd, prices: { month, region }, ...estimate }) {
    const rows = lines.map(({ what, quantity, unit, usd: each, freeUsd: free }) => [
      what,
      `${shown(quantity)} ${unit}`,
      dollars(each),
      free > 0 ? `- ${dollars(free)}` : "",
    ]);
    return [
      loadLine(estimate),
      "",
      headedTable(
        ["of a month", "quantity", "price", "free tier"],
        [...rows, ["in all", "", dollars(usd), `- ${dollars(freeUsd)}`]],
      ),
      "",
      `prices of ${region}, checked in ${month}; free tiers are for the whole account, API Gateway's for ` +
        "its first year. Not in it: the backend, NAT gateways, stored logs, taxes",
    ].join("\n");
  },

  next: (_result, { since }) => typing(invocation("capacity", { since: timeText(since) })),
};

const dollars = (amount: number): string =>
  `$${amount.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;

const shown = (quantity: number): string =>
  quantity.toLocaleString("en", { maximumFractionDigits: quantity < 10 ? 2 : 0 });
