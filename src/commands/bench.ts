import type { Command } from "../cli/command.ts";
import { nothing, typing } from "../cli/next.ts";
import type { Context } from "../cli/context.ts";
import { signer, stageUrl } from "../aws/stage-url.ts";
import { bookingOf, planOf, type Plan } from "../bench/plan.ts";
import { confirmedCost, costText, isOnAws, type RunCost } from "../bench/price.ts";
import { requireReport, withReport } from "../bench/report-file.ts";
import { hasPassed, refusedIn, type BenchResult } from "../bench/result.ts";
import type { Measurement } from "../bench/measurement.ts";
import { measure } from "../bench/run.ts";
import type { Moment } from "../bench/state.ts";
import { actualText, judge } from "../bench/threshold.ts";
import { addressOf } from "../client/address.ts";
import { HandshakeError } from "../client/handshake.ts";
import { openSocketAs, requestOf, type Opening } from "../client/opener.ts";
import { sendText } from "../client/session.ts";
import { typesWithToken } from "../contract/envelope.ts";
import { command as invocation } from "../errors/advice.ts";
import { exitCodes } from "../errors/codes.ts";
import { CliError } from "../errors/error.ts";
import { routeTo } from "../network/route.ts";
import { redactUrl } from "../settings/redact.ts";
import type { AwsOptions, TokenOptions } from "../settings/commands.ts";
import type { Settings } from "../settings/table.ts";
import { refusedBy } from "../verify/refused-by.ts";
import { benchText, momentText, refusedText } from "../terminal/bench.ts";

/** How long API Gateway may take for a handshake: its integrations end after 29 s (AWS.md 1.12). */
const HANDSHAKE_MS = 30_000;

type Options = AwsOptions &
  TokenOptions &
  Pick<Settings, "yes" | "type" | "sign" | "functionName" | "apiName" | "stage"> & {
    [N in "url" | "header" | "subprotocol" | "origin" | "proxy"]: Settings[N] | undefined;
  };

export const command: Command<"bench", BenchResult> = {
  async run(
    {
      connections,
      peoplePerBooking,
      rate,
      durationMs,
      ramp,
      send,
      messageBytes,
      booking,
      timeoutSeconds,
      threshold = [],
      report,
      token,
      tokenStdin,
      type,
      url,
      header,
      subprotocol,
      origin,
      sign,
      proxy,
      functionName,
      apiName,
      stage,
      ...at
    },
    context,
  ) {
    const load = { connections, peoplePerBooking, rate, durationMs, ramp, send, messageBytes };
    const plan = planOf({ ...load, booking, timeoutSeconds });
    const names = { functionName, apiName, stage };
    const request = { type, url, header, subprotocol, origin, sign, proxy, ...names, ...at };
    if (report !== undefined) await requireReport(report);
    const found = await bench(plan, { ...request, token, tokenStdin }, context);
    const thresholds = judge(threshold, measuresOf(found));
    const result = { ...found, thresholds, passed: hasPassed({ ...found, thresholds }) };
    return report === undefined ? result : await withReport(result, report, context.report);
  },

  render: benchText,
  notices: (result) =>
    [
      ...(refusedIn(result) > 0 ? [refusedText(result)] : []),
      ...result.thresholds
        .filter(({ met }) => !met)
        .map((missed) => `threshold missed: ${missed.threshold} (${actualText(missed)})`),
    ].map((message) => ({ level: "error", message, hint: null })),
  summary: benchText,
  next({ connections, deliveries, elapsedMs }, { url }) {
    if (url !== undefined) return nothing("the server at an address that was given is not known");
    if (deliveries.received === 0 || connections.failed > 0) return typing(invocation("doctor"));
    // What was measured in the minutes before it does not hide it.
    return typing(invocation("metrics", { since: `${Math.ceil(elapsedMs / 60_000) + 5}m` }));
  },
  untilInterrupted: true,
  exitCode({ passed, report }, { report: wanted }) {
    if (!passed) return exitCodes.different;
    return report === wanted ? exitCodes.done : exitCodes.failed;
  },
};

async function bench(
  plan: Plan,
  options: Options,
  context: Context,
): Promise<Omit<BenchResult, "thresholds" | "passed">> {
  // A heavy load on AWS is refused before anything is called.
  if (isAimedAtAws(options)) confirmedCost(plan, options.yes);
  const { opening, address } = await openingOf(options, context);
  const cost = isOnAws(address.href) ? announcedCost(plan, options.yes, context) : undefined;
  const { url, functionName, ...at } = options;
  const measured = await measureWith(plan, opening, options, context).catch(async (error: unknown) => {
    throw await refusedBy(error, { url, functionName }, () => context.aws(at));
  });
  const ended = context.signal.aborted ? "interrupted" : "done";
  return { url: redactUrl(address.href), plan, ended, ...measured, ...(cost && { cost }) };
}

/** Whether the clients will connect to AWS, as far as that is known without a call. */
const isAimedAtAws = ({ url, local, endpointUrl }: Options): boolean =>
  isOnAws(url ?? (local ? "" : (endpointUrl ?? "https://amazonaws.com")));

/** How the clients connect, and the address without what each of them adds. */
async function openingOf(
  { url, type, header, subprotocol, origin, sign, proxy, functionName, apiName, stage, ...at }: Options,
  context: Context,
): Promise<{ opening: Opening; address: URL }> {
  const base = url ?? (await stageUrl(context.aws(at), { functionName, apiName, stage }));
  const address = addressOf(base, { type });
  const opening: Opening = {
    base,
    source: url !== undefined ? "given" : at.local ? "local" : "deployed",
    request: requestOf({ header, subprotocol, origin }),
    sign: sign ? await signer(context.aws(at)) : undefined,
    timeoutMs: HANDSHAKE_MS,
    signal: context.signal,
    report: context.report,
    route: await routeTo(address, proxy),
  };
  return { opening, address };
}

function announcedCost(plan: Plan, isConfirmed: boolean, { report }: Pick<Context, "report">): RunCost {
  const cost = confirmedCost(plan, isConfirmed);
  report({ kind: "note", message: `this run costs ${costText(cost)}` });
  return cost;
}

async function measureWith(
  plan: Plan,
  opening: Opening,
  { token: given, tokenStdin, type, url }: Options,
  context: Context,
): Promise<Measurement> {
  const isNeeded = url === undefined && typesWithToken.includes(type);
  const token = await context.token({ token: given, tokenStdin }, isNeeded);
  const measured = await measure({
    plan,
    open: (client, listen) =>
      openSocketAs(opening, { booking: bookingOf(plan, client), type, token }, listen),
    send: sendText,
    reasonOf,
    onMoment: (moment) => show(moment, plan, context),
    signal: context.signal,
  });
  const { elapsedMs: ms } = measured;
  context.report({ kind: "finished", id: "bench", title: "measured", outcome: "done", ms });
  return measured;
}

const show = (moment: Moment, plan: Plan, { report }: Pick<Context, "report">): void =>
  report({ kind: "going", id: "bench", title: momentText(moment, plan), elapsedMs: moment.elapsedMs });

/** Why a client was not connected, without any text of others. */
function reasonOf(error: unknown): string {
  if (error instanceof HandshakeError && error.failure.kind === "network") {
    const { code } = error.failure;
    return code === "EMFILE" ? "no more open files: raise ulimit -n" : `${error.code}, ${code}`;
  }
  return error instanceof CliError ? error.code : "no connection";
}

const measuresOf = ({ latencyMs, deliveries, connections, messages }: Measurement) => ({
  ...latencyMs,
  ...deliveries,
  unsent: messages.unsent,
  failed: connections.failed,
  dropped: connections.dropped,
  rate: messages.rate,
});
