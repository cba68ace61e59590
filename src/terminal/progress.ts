import type { Ora } from "ora";
import type { Advice } from "../errors/advice.ts";
import { telling, type Progress, type Report } from "../progress.ts";
import { duration, widthOf } from "./format.ts";
import type { Writer } from "./output.ts";
import { asProblem, continued } from "./record.ts";
import { style } from "./style.ts";

/**
 * How progress is shown: a spinner on a terminal, plain lines elsewhere, and with `--quiet` only warnings and
 * failures.
 */
export type ProgressMode = "spinner" | "plain" | "quiet";

/** Progress that is being shown. */
export interface ProgressDisplay {
  report: Report;
  /** Says what is waited for where nothing else is told for a while. */
  expecting(title: string): void;
  /** Takes the spinner off the screen, for good or until the next event. */
  pause(): void;
  /** The same, and none comes back until that is disposed of: a person types. */
  hold(): Disposable;
}

/** In plain lines what lasts is printed again only after this many milliseconds. */
const LASTING_LINE_MS = 10_000;

/** How long nothing is told before it is said what is waited for: on a terminal, and in plain lines. */
const SILENT_MS = { spinner: 500, plain: 5_000 };

/** How much of the progress is shown. */
export interface ProgressOptions {
  mode: ProgressMode;
  /** Also what is of interest only with `--debug`. */
  debug: boolean;
  /**
   * Whether the result goes to a screen too: then a spinner leaves nothing behind of what the result lists.
   */
  resultOnScreen: boolean;
  /** Whether the result in words lists what was done: then plain lines leave that out. */
  resultLists: boolean;
  /** Prints the advice of a warning; asked each time, as the run's own flags are known only after a while. */
  adviceText(advice: Advice): string;
}

/** Shows progress on stderr. */
export async function showProgress(
  writer: Writer,
  { mode, debug, resultOnScreen, resultLists, adviceText }: ProgressOptions,
): Promise<ProgressDisplay> {
  const spinner = mode === "spinner" ? await spinnerOn(writer) : undefined;
  const running: Running = { steps: new Map(), waits: new Map() };
  const printed: Printed = new Map();
  let lastLine: string | undefined;
  let holds = 0;

  const lineOf = (event: Progress): string | undefined => {
    const line = eventLine(event, adviceText);
    if (event.kind === "debug") return debug ? line : undefined;
    if (event.kind === "warning" || event.kind === "failed") return line;
    if (mode === "quiet" || (isLasting(event) && (spinner || !isDue(event, printed, running))))
      return undefined;
    const isRepeated = spinner ? resultOnScreen : resultLists;
    return isRepeated && event.kind === "finished" && event.listed ? undefined : line;
  };

  const show = (event: Progress, line = lineOf(event)) => {
    follow(event, running);
    if (spinner?.isSpinning) spinner.clear();
    // Calls that wait at the same time say so once.
    if (line !== undefined && !(event.kind === "waiting" && line === lastLine)) writer.tell(`${line}\n`);
    lastLine = line ?? lastLine;
    if (spinner && holds === 0) spin(spinner, writer, [...running.waits.values(), ...running.steps.values()]);
  };
  let silence = noSilence;
  const pause = () => {
    silence = silence.end();
    stop(spinner);
  };
  return {
    report(event) {
      const line = lineOf(event);
      if (spinner || line !== undefined) silence = silence.end();
      show(event, line);
    },
    expecting(title) {
      if (mode !== "quiet") silence = silenceOf(title, SILENT_MS[mode], (event) => show(event));
    },
    pause,
    hold() {
      pause();
      holds += 1;
      return { [Symbol.dispose]: () => void (holds -= 1) };
    },
  };
}

/** That nothing has been told yet. */
interface Silence {
  end(): Silence;
}
const noSilence: Silence = { end: () => noSilence };

/** Says what is waited for when it has lasted so long. */
function silenceOf(title: string, afterMs: number, report: Report): Silence {
  let told: Disposable | undefined;
  const timer = setTimeout(() => (told = telling(report, title)), afterMs).unref();
  return {
    end() {
      clearTimeout(timer);
      told?.[Symbol.dispose]();
      return noSilence;
    },
  };
}

/**
 * What is in progress, in the words that the spinner shows for it. A wait comes first: it is why nothing
 * seems to happen.
 */
interface Running {
  steps: Map<string, string>;
  waits: Map<string, string>;
}

function follow(event: Progress, { steps, waits }: Running): void {
  if (event.kind === "started" || event.kind === "going") steps.set(event.id, event.title);
  if (event.kind === "waiting") waits.set(event.id, waitingWords(event));
  const isStepOver = event.kind === "finished" || event.kind === "failed";
  if (event.kind === "waited" || isStepOver) waits.delete(event.id);
  if (event.kind === "over" || isStepOver) steps.delete(event.id);
}

/** What is told again and again while it lasts. */
type Lasting = Extract<Progress, { kind: "waiting" | "going" }>;
const isLasting = (event: Progress): event is Lasting => event.kind === "waiting" || event.kind === "going";

/** The last line of what lasts: whose it was, and how long that had lasted; by the reason of a wait. */
type Printed = Map<string, { id: string; elapsedMs: number }>;

/**
 * Whether a line of it is due: the first one, and the next some time later. Of several waits for the same
 * reason one speaks for all.
 */
function isDue(event: Lasting, printed: Printed, { waits }: Running): boolean {
  const what = event.kind === "waiting" ? event.reason : event.id;
  const last = printed.get(what);
  const { id, elapsedMs } = event;
  if (last && last.id !== id && waits.has(last.id)) return false;
  const isSame = last?.id === id && elapsedMs >= last.elapsedMs;
  if (isSame && elapsedMs - last.elapsedMs < LASTING_LINE_MS) return false;
  printed.set(what, { id, elapsedMs });
  return true;
}

const waitingWords = ({ reason, elapsedMs, budgetMs }: Progress & { kind: "waiting" }): string =>
  `waiting for ${reason}, ${Math.round(elapsedMs / 1_000)} s of ${Math.round(budgetMs / 1_000)} s`;

/** One event as a line; undefined for what only the spinner shows. */
function eventLine(event: Progress, adviceText: ProgressOptions["adviceText"]): string | undefined {
  switch (event.kind) {
    case "started":
    case "waited":
    case "over":
    case "objection":
      return undefined;
    case "going":
      return `  ${continued(event.title)}`;
    case "waiting":
      return `  ${continued(waitingWords(event))}`;
    case "finished":
      return continued(finishedLine(event));
    case "failed":
      return `${style.red("✗")} ${continued(`${event.title}: ${event.message}`)}`;
    case "note":
      return continued(event.message);
    case "warning":
      return asProblem(
        style.magenta("warning:"),
        event.message,
        event.hint && adviceText(event.hint),
      ).trimEnd();
    case "debug":
      return style.dim(continued(event.message));
  }
}

function finishedLine({ title, outcome, detail, ms }: Progress & { kind: "finished" }): string {
  const words = [
    outcome === "done" ? "" : ` ${outcome}`,
    detail ? ` (${detail})` : "",
    ms >= 100 ? `, ${duration(ms)}` : "",
  ].join("");
  if (outcome === "unchanged") return style.dim(`✓ ${title}${words}`);
  return `${outcome === "incomplete" ? style.magenta("!") : style.green("✓")} ${title}${words}`;
}

/** A spinner that leaves stdin alone: it belongs to the command. */
async function spinnerOn({ stream, colours }: Writer): Promise<Ora> {
  const { default: ora } = await import("ora");
  return ora({ stream, discardStdin: false, ...(colours ? {} : { color: false }) });
}

/** One that does not spin has nothing on the screen; ora would write all the same. */
function stop(spinner: Ora | undefined): void {
  if (spinner?.isSpinning) spinner.stop();
}

function spin(spinner: Ora, writer: Writer, running: readonly string[]): void {
  const [first] = running;
  if (first === undefined) return stop(spinner);
  spinner.text = writer.shown(fitted(first, running.length - 1, writer.stream.columns));
  if (!spinner.isSpinning) spinner.start();
}

/** The spinner's words on one line: what runs first, and how many others. */
function fitted(first: string, others: number, columns: number): string {
  const rest = others > 0 ? ` (and ${others} more)` : "";
  const room = columns - 4 - rest.length;
  return (widthOf(first) <= room ? first : `${first.slice(0, Math.max(0, room - 1))}…`) + rest;
}
