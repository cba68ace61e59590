import { readArguments, type Request } from "./arguments.ts";
import type { Context } from "./command.ts";
import { commands } from "../commands/index.ts";
import { CliError } from "../errors/error.ts";
import { exitCodes, type ExitCode } from "../errors/codes.ts";
import { explain } from "../errors/explain.ts";
import type { Report } from "../progress.ts";
import { environment, setSdkEnvironment, type SettingName, type Settings } from "../settings/table.ts";
import { sourceLines, resolve } from "./resolve.ts";
import { advicePrinter, withRunFlags, withNpx, type AdvicePrinter, type Aim } from "./print-advice.ts";
import { annotation, writeStepSummary } from "../terminal/github.ts";
import { canSpin, colouring, isCi, writerFor, type Writer } from "../terminal/output.ts";
import { showProgress, type ShownProgress } from "../terminal/progress.ts";
import { safeJson } from "../terminal/safe.ts";
import { style, unstyled } from "../terminal/style.ts";
import { version } from "./version.ts";

/**
 * Both streams, how they are to be used, and what ends the command early: a signal, or that nobody reads the
 * output any more.
 */
interface Shell {
  out: Writer;
  err: Writer;
  json: boolean;
  debug: boolean;
  /** Whether GitHub Actions is to show errors at the run as well. */
  annotating: boolean;
  /** Leads to the stack that this run is about, once that is known. */
  aim: Aim;
  /** Prints advice as this run's reader would follow it. */
  advice: AdvicePrinter;
  interruption: AbortController;
}

/** Why a command is ended when the reader of its output has gone, as in `logs tail | head`. */
const outputClosed = new CliError("output-closed", "nobody reads the output any more", {});

const asStarted = withNpx(environment);

type CommandRequest = Request & { kind: "command" };

/**
 * Reads the arguments, runs what they ask for, prints the result or the error, and ends the process with the
 * exit code.
 */
export async function main(argv: readonly string[]): Promise<never> {
  const shell = await shellFor(argv);
  process.on("uncaughtException", (error) => void end(shell, showError(error, shell)));
  return await end(shell, await answer(argv, shell).catch((error: unknown) => showError(error, shell)));
}

async function end({ out, err }: Shell, code: ExitCode): Promise<never> {
  await Promise.all([out.flushed(), err.flushed()]);
  process.exit(code);
}

/**
 * Decided by the bare words and variables, because a fault in the arguments themselves must be shown in the
 * right form too.
 */
async function shellFor(argv: readonly string[]): Promise<Shell> {
  const interruption = new AbortController();
  const isSet = (variable: string) => /^(1|true|yes)$/i.test(environment[variable] ?? "");
  const color =
    !argv.includes("--no-color") && !/^(0|false|no)$/i.test(environment["SHELFSHACK_COLOR"] ?? "");
  const writer = async (stream: Writer["stream"]) =>
    writerFor(stream, await colouring(stream, { color, environment }), () =>
      interruption.abort(outputClosed),
    );
  return {
    out: await writer(process.stdout),
    err: await writer(process.stderr),
    json: argv.includes("--json") || isSet("SHELFSHACK_JSON"),
    debug: argv.includes("--debug") || isSet("SHELFSHACK_DEBUG"),
    annotating: isSet("GITHUB_ACTIONS"),
    aim: asStarted,
    advice: advicePrinter(environment),
    interruption,
  };
}

async function answer(argv: readonly string[], shell: Shell): Promise<ExitCode> {
  const asked = await readArguments(argv, version, commands);
  if (asked.kind === "command") return await runCommand(asked, shell);
  shell.out.write(asked.text);
  return exitCodes.done;
}

async function runCommand({ name, command, given, words }: CommandRequest, shell: Shell): Promise<ExitCode> {
  const { signal } = shell.interruption;
  const settled = resolve(given, environment, process.cwd());
  const { settings } = settled;
  const aim = await withRunFlags(settled, optionsOf);
  shell.aim = (text) => asStarted(aim(text));
  shell.advice = advicePrinter(environment, settled, shell.aim);
  const progress = await showProgress(shell.err, {
    mode: progressMode(settings, shell.err),
    debug: settings.debug,
    resultOnScreen: shell.out.stream.isTTY,
    adviceText: (advice) => shell.advice.text(advice),
  });
  for (const message of sourceLines(settled)) progress.report({ kind: "debug", message });
  setSdkEnvironment(settings);
  stopOnSignals(shell.interruption, command.untilInterrupted ? () => {} : progress.report);
  const context = contextFor({ command, words, settings, shell, progress });
  try {
    const result = await command.run(settings, context);
    progress.pause();
    printResult(command, result, settings, shell);
    if (settings.githubSummary && command.summary) {
      const summarised = writeStepSummary(
        settings.githubSummary,
        `shelfshack-ws ${name}`,
        command.summary(result, settings),
      );
      await summarised.catch((error: unknown) =>
        progress.report({ kind: "warning", message: `no summary: ${explain(error).message}` }),
      );
    }
    return signal.aborted ? exitCodes.interrupted : (command.exitCode?.(result, settings) ?? exitCodes.done);
  } catch (error) {
    progress.pause();
    if (signal.reason === outputClosed || (command.untilInterrupted && isOfTheInterruption(error, signal)))
      return exitCodes.interrupted;
    const told = explain(error, settings);
    const isEnding =
      isInterrupted(signal) && told.exitCode !== exitCodes.interrupted && !command.untilInterrupted;
    return showError(isEnding ? interruptedBy("a signal", error) : told, shell);
  }
}

/** What a command takes besides the global settings. */
async function optionsOf(name: string): Promise<readonly SettingName[]> {
  const entry = commands.find((candidate) => candidate.name === name);
  return (await entry?.load())?.command.options ?? [];
}

/**
 * Whether an error is nothing but the interruption: its reason itself, or what was waiting and was told of
 * it.
 */
const isOfTheInterruption = (error: unknown, signal: AbortSignal): boolean =>
  isInterrupted(signal) &&
  error instanceof Error &&
  (error.name === "AbortError" || explain(error).exitCode === exitCodes.interrupted);
const isInterrupted = ({ aborted, reason }: AbortSignal): boolean => aborted && reason !== outputClosed;
const interruptedBy = (what: string, cause?: unknown) =>
  new CliError("interrupted", `interrupted by ${what}`, { cause });

function progressMode({ quiet }: Settings, { stream }: Writer): "quiet" | "spinner" | "plain" {
  if (quiet) return "quiet";
  return canSpin(stream, environment) ? "spinner" : "plain";
}

/** The first signal lets the running call end (FAULTS.md D-29), the second ends the process. */
function stopOnSignals(interruption: AbortController, report: Report): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (isInterrupted(interruption.signal)) process.exit(exitCodes.interrupted);
      interruption.abort(interruptedBy(signal));
      report({ kind: "note", message: "stopping; press Ctrl-C again to stop at once" });
    });
  }
}

interface Running {
  command: CommandRequest["command"];
  words: readonly string[];
  settings: Settings;
  shell: Shell;
  progress: ShownProgress;
}

function contextFor({ command, words, settings, shell, progress }: Running): Context<unknown> {
  const { out, err, interruption, advice } = shell;
  const canAsk = process.stdin.isTTY && process.stderr.isTTY && !isCi(environment);
  return {
    report: progress.report,
    emit(item) {
      const line = settings.json ? undefined : command.line?.(item);
      if (settings.json) out.writeRaw(`${asJson(advice.json(item))}\n`);
      else if (line !== undefined) out.write(`${advice.text(line)}\n`);
    },
    async ask(question) {
      const { askPerson, refuseToAsk } = await import("../terminal/prompt.ts");
      if (!canAsk) return refuseToAsk(question);
      progress.pause();
      return await askPerson(question, err, process.stdin, interruption.signal);
    },
    signal: interruption.signal,
    words,
    stdin: process.stdin,
    stdout: process.stdout,
  };
}

/** JSON for programs: escaped like everything else, and without styles, which are for people. */
const asJson = (value: unknown, space?: number): string => safeJson(value, space, unstyled);

/** The result on stdout; after streamed items its JSON is one more line. */
function printResult(
  command: CommandRequest["command"],
  result: unknown,
  settings: Settings,
  { out, aim, advice }: Shell,
): void {
  if (settings.json)
    return out.writeRaw(
      `${safeJson(advice.json(result), command.line ? undefined : 2, (text) => aim(unstyled(text)))}\n`,
    );
  const text = advice.text(command.render(result, settings));
  if (text !== "") out.write(`${text}\n`);
}

/**
 * The error in words on stderr, and as a document on stdout where JSON was asked for; on one screen the
 * document says it all.
 */
function showError(error: unknown, { out, err, json, debug, annotating, advice }: Shell): ExitCode {
  const { code, message, hint: advised, exitCode, cause, stack } = explain(error);
  const hint = advised && advice.text(advised);
  const argv = advised && advice.argv(advised);
  if (json)
    out.writeRaw(`${asJson({ error: { code, message, hint, ...(argv?.length && { argv }), exitCode } })}\n`);
  if (!(json && out.stream.isTTY && err.stream.isTTY))
    err.write(`${style.red("error:")} ${message}\n${hint === undefined ? "" : `  ${hint}\n`}`);
  if (annotating) err.write(annotation({ message, hint }));
  if (debug)
    err.write(`${style.dim(cause instanceof Error ? `${stack}\ncaused by ${cause.stack}` : `${stack}`)}\n`);
  return exitCode;
}
