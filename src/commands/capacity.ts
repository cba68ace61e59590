import type { Command } from "../cli/command.ts";
import { typing } from "../cli/next.ts";
import { command as invocation } from "../errors/advice.ts";
import { capacityOf, reconnectSeconds, shareOf, type CapacityLine } from "../estimate/capacity.ts";
import type { Estimate } from "../estimate/load.ts";
import { estimated } from "../estimate/measured.ts";
import { duration, headedTable } from "../terminal/format.ts";
import { loadLine } from "../terminal/load.ts";
import { style } from "../terminal/style.ts";

interface CapacityResult extends Estimate {
  /** In the order in which they break. */
  limits: CapacityLine[];
  /** How long it takes until all are back after all were cut off. */
  reconnectSeconds: number;
}

export const command: Command<"capacity", CapacityResult> = {
  async run({ backendRate, ...options }, context) {
    const estimate = await estimated(options, () => context.aws(options));
    return {
      ...estimate,
      limits: capacityOf(estimate.load, { backendRate }),
      reconnectSeconds: reconnectSeconds(estimate.load),
    };
  },

  render({ limits, reconnectSeconds: back, ...estimate }) {
    const rows = limits.map((limit) => [marked(limit), limit.what, ...figuresOf(limit)]);
    const exceeded = limits.filter((limit) => shareOf(limit) > 1);
    const [first] = exceeded;
    const verdict =
      first === undefined
        ? "no limit that is known is exceeded"
        : `first: ${first.what}, ${reachedText(first)}`;
    return [
      loadLine(estimate),
      "",
      headedTable(["", "limit", "needed", "there is", "raised"], rows),
      "",
      verdict,
      ...exceeded.map(({ what, advice }) => `  ${what}: ${advice}`),
      `after all are cut off, it takes ${duration(back * 1000)} until all are back, at 500 a second`,
    ].join("\n");
  },

  next: () => typing(invocation("local", { quotas: true }), "to meet AWS's first quotas on this machine"),
};

const shown = (amount: number): string =>
  amount.toLocaleString("en", { maximumFractionDigits: amount < 10 ? 2 : 0 });

function marked(limit: CapacityLine): string {
  if (limit.quota === null) return style.dim("?");
  return shareOf(limit) > 1 ? style.red("✗") : style.green("✓");
}

const figuresOf = ({ needed, quota, unit, raised }: CapacityLine): string[] => [
  `${shown(needed)} ${unit}`,
  quota === null ? "not known: --backend-rate" : `${shown(quota)} ${unit}`,
  raised,
];

const reachedText = ({ reachedAt }: CapacityLine): string =>
  reachedAt === null
    ? "whatever the number of connections"
    : `reached at ${reachedAt.toLocaleString("en")} connections`;
