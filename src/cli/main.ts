import { resolve as absolute } from "node:path";
import type { Request } from "./arguments.ts";
import type { AnyCommand, CommandFiles, Notice, Plain, Streamed } from "./command.ts";
import { openContext, type Shell } from "./context.ts";
import type { Report } from "../progress.ts";
import { SCHEMA_VERSION, type ErrorDocument } from "./document.ts";
import { noWrites, type Writes } from "../aws/writes.ts";
import { AGAIN, doneInThisRun, joined, NO_CHANGES, type Advice } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { exitCodes, type ExitCode } from "../errors/codes.ts";
import { explain, type Aim } from "../errors/explain.ts";
import { folderOfProject, isIn, movedBy, stateHome, variableNaming } from "../files/state-home.ts";
import { commandTable, type CommandName } from "../settings/commands.ts";
import { environment, isCi, readsCommands, setSdkEnvironment } from "../settings/environment.ts";
import { settingNames, type SettingName, type Settings } from "../settings/table.ts";
import { environmentNotes } from "./environment-note.ts";
import { fileNotes, projectOf, refuseOtherRegion, sourceLines, resolve, type Resolved } from "./resolve.ts";
import { nextText, stepsIn } from "./next.ts";
import { readQuickly, type CommandRequest } from "./quick-arguments.ts";
import {
  advicePrinter,
  isAboutStacks,
  programOf,
  stronger,
  type AdvicePrinter,
  type Known,
} from "./print-advice.ts";
import { regionNotes } from "./region.ts";
import { annotation, mask, writeStepSummary } from "../terminal/github.ts";
import { canSpin, colouring, writerFor, type Writer } from "../terminal/output.ts";
import { showProgress, type ProgressDisplay } from "../terminal/progress.ts";
import { asProblem, continued } from "../terminal/record.ts";
import { safeJson } from "../terminal/safe.ts";
import { style, unstyled } from "../terminal/style.ts";
import { version } from "./version.ts";

/**
 * Both streams, how they are to be used, and what ends the command early: a signal, or output that is closed.
 */
interface Session {
  out: Writer;
  err: Writer;
  json: boolean;
  debug: boolean;
  /** Whether GitHub Actions is to show errors at the run as well. */
  annotating: boolean;
  /** Prints advice as this run's reader would follow it. */
  advice: AdvicePrinter;
  interruption: AbortController;
  /** What is told when a first signal comes, as long as the command goes on then. */
  stopping(): void;
}

/** Why a command is ended when the reader of its output has gone, as in `logs tail | head`. */
const outputClosed = new CliError("output-closed", "output closed");

const program = () => programOf(process.argv[1] ?? "shelfshack-ws", environment, process.cwd());

/** What was called, with its file. */
type Called = CommandRequest & { command: AnyCommand };

/**
 * Reads the arguments, runs what they ask for, prints the result or the error, and ends the process with the
 * exit code.
 */
export async function main(argv: readonly string[], commands: CommandFiles): Promise<never> {
  const session = await sessionFor(argv);
  stopOnSignals(session);
  process.on("uncaughtException", (error) => void end(session, showError(error, session)));
  const answered = answer(argv, commands, session);
  return await end(session, await answered.catch((error: unknown) => showError(error, session)));
}

async function end({ out, err }: Session, code: ExitCode): Promise<never> {
  await Promise.all([out.flushed(), err.flushed()]);
  process.exit(code);
}

/**
 * Decided by the bare words and variables, because a fault in the arguments themselves must be shown in the
 * right form too.
 */
async function sessionFor(argv: readonly string[]): Promise<Session> {
  const interruption = new AbortController();
  const isSet = (variable: string) => /^(1|true|yes)$/i.test(environment[variable] ?? "");
  const color =
    !argv.includes("--no-color") && !/^(0|false|no)$/i.test(environment["SHELFSHACK_COLOR"] ?? "");
  const writer = async (stream: Writer["stream"]) =>
    writerFor(
      stream,
      await colouring(stream, { color, environment }),
      () => interruption.abort(outputClosed),
      readsCommands(environment),
    );
  return {
    out: await writer(process.stdout),
    err: await writer(process.stderr),
    json: argv.includes("--json") || isSet("SHELFSHACK_JSON"),
    debug: argv.includes("--debug") || isSet("SHELFSHACK_DEBUG"),
    annotating: isSet("GITHUB_ACTIONS"),
    advice: advicePrinter(program()),
    interruption,
    stopping: () => {},
  };
}

async function answer(argv: readonly string[], commands: CommandFiles, session: Session): Promise<ExitCode> {
  const request = readQuickly(argv) ?? (await readInFull(argv));
  if (request.kind === "command") {
    const { command } = await commands[request.name]();
    return await runCommand({ ...request, command }, session);
  }
  session.out.write(request.text);
  return exitCodes.done;
}

async function readInFull(argv: readonly string[]): Promise<Request> {
  const { readArguments } = await import("./arguments.ts");
  return readArguments(argv, version);
}

/** A command that runs, with what it was called with. */
interface Running extends Called {
  settings: Settings;
  aim: Aim;
  projectState: string | undefined;
  session: Session;
  progress: ProgressDisplay;
  writes: Writes;
}

async function runCommand(request: Called, session: Session): Promise<ExitCode> {
  const { command, given } = request;
  const resolved = resolve(given, environment, process.cwd(), commandTable[request.name]);
  const { settings } = resolved;
  const known: Known = {};
  session.advice = advicePrinter(program(), resolved, known);
  const progress = await showProgress(session.err, {
    mode: progressMode(settings, session.err),
    debug: settings.debug,
    resultOnScreen: session.out.stream.isTTY,
    resultLists: command.listsChanges === true && !settings.json,
    adviceText: (advice) => session.advice.screen(advice),
  });
  const { reads } = commandTable[request.name];
  for (const note of regionNotes(request.name, resolved)) progress.report(note);
  for (const note of fileNotes(resolved, reads, process.cwd())) progress.report(note);
  for (const note of environmentNotes(request.name, resolved)) progress.report(note);
  for (const message of sourceLines(resolved)) progress.report({ kind: "debug", message });
  if (isAboutStacks(request.name)) refuseOtherRegion(resolved);
  setSdkEnvironment(settings);
  if (command.serves) for (const writer of [session.out, session.err]) writer.neverBlock();
  if (!isUntilInterrupted(command, settings)) session.stopping = () => progress.report(stopping);
  const asked = askedBy(request.name, settings);
  if (asked !== undefined) progress.expecting(`asking ${asked}`);
  const aim = aimOf(resolved);
  const report: Report = (event) => {
    if (event.kind === "objection") known.objection = stronger(known.objection, event.objection);
    else progress.report(event);
  };
  const display = { ...progress, report };
  const kept = { projectState: projectState(resolved), writes: noWrites() };
  const running = { ...request, settings, aim, session, progress: display, ...kept };
  try {
    return await resultOf(running);
  } catch (error) {
    progress.pause();
    return failureOf(error, running);
  }
}

/** Who is asked first, as far as it is known before. */
function askedBy(
  name: CommandName,
  { local, region, url }: Pick<Settings, "local" | "region" | "url">,
): string | undefined {
  if (!isAboutStacks(name)) return undefined;
  const reads: readonly SettingName[] = commandTable[name].reads;
  if (url !== undefined && reads.includes("url")) return "the server";
  return local ? "the local AWS" : `AWS${region === undefined ? "" : ` in ${region}`}`;
}

function projectState(resolved: Resolved): string | undefined {
  const home = stateHome(environment);
  return home === undefined ? undefined : folderOfProject(home, projectOf(resolved, process.cwd()));
}

/** What explains an error: the profile, what names an address other than AWS's own, and whose a place is. */
function aimOf({ settings, sources }: Resolved): Aim {
  const { profile, local, endpointUrl } = settings;
  const named = settingNames.flatMap((name) => {
    const { [name]: value } = settings;
    return typeof value === "string" ? [{ place: absolute(value), source: sources[name] }] : [];
  });
  return {
    profile,
    addressFrom: local || endpointUrl === undefined ? undefined : sources.endpointUrl,
    movedBy: (path) =>
      named.some(({ place }) => place === absolute(path)) ? undefined : movedBy(absolute(path), environment),
    namedBy: (path) =>
      named.find(({ place, source }) => source !== "default" && isIn(absolute(path), place))?.source ??
      variableNaming(absolute(path), environment),
  };
}

async function resultOf(running: Running): Promise<ExitCode> {
  const { command, settings, session, progress } = running;
  const { signal } = session.interruption;
  if (isInterrupted(signal))
    throw new CliError("interrupted", `${explain(signal.reason).message}: nothing was begun`);
  const { writes } = running;
  await using context = openContext({ report: progress.report, signal, writes }, shellOf(running));
  const result = await command.run(settings, context);
  progress.pause();
  if (session.annotating)
    for (const secret of command.secrets?.(result) ?? []) session.err.writeRaw(mask(secret));
  printResult(command, result, settings, session);
  if (session.annotating) annotate(command.notices?.(result, settings) ?? [], session);
  await writeSummary(running, result);
  return signal.aborted ? exitCodes.interrupted : (command.exitCode?.(result, settings) ?? exitCodes.done);
}

function failureOf(error: unknown, running: Running): ExitCode {
  const { command, settings, aim, session } = running;
  const { signal } = session.interruption;
  const isMeantToEnd = isUntilInterrupted(command, settings);
  if (signal.reason === outputClosed || (isMeantToEnd && isOfTheInterruption(error, signal)))
    return exitCodes.interrupted;
  const explained = explain(error, aim);
  const isEnding = isInterrupted(signal) && explained.exitCode !== exitCodes.interrupted && !isMeantToEnd;
  const failure = isEnding ? interruptedBy("a signal", error) : explained;
  const isCut = isInterrupted(signal) && failure.exitCode === exitCodes.interrupted;
  return showError(isCut ? withState(failure, running) : failure, session);
}

/** An interruption says how far it got, and how to go on from there; a walk over the stack has done so. */
function withState(failure: CliError, running: Running): CliError {
  if (failure.hint !== undefined) return failure;
  const { done, begun } = running.writes;
  const unsure = [...begun].filter((operation) => !done.has(operation));
  const soFar = [
    ...(done.size > 0 ? [doneInThisRun([...done])] : []),
    ...(unsure.length > 0 ? [`perhaps done: ${unsure.join(", ")}`] : []),
  ];
  if (soFar.length === 0 && !isToWrite(running)) return failure;
  const then = running.command.afterCut ?? AGAIN;
  const hint = soFar.length === 0 ? NO_CHANGES : joined([...soFar, then], "; ");
  return new CliError(failure.code, failure.message, { hint, cause: failure.cause });
}

function isToWrite({ name, args, settings }: Running): boolean {
  const { effect } = commandTable[name];
  if (typeof effect === "string") return effect === "writes";
  return effect.writesWith.some((word) =>
    word.startsWith("--") ? settings[word.slice(2) as SettingName] === true : args.includes(word),
  );
}

/** GitHub shows ten of each level at a step. */
const NOTICES_AT_MOST = 10;

function annotate(notices: readonly Notice[], { err, advice }: Session): void {
  const shown = (["error", "warning"] as const).flatMap((level) =>
    notices.filter((notice) => notice.level === level).slice(0, NOTICES_AT_MOST),
  );
  for (const { level, message, hint } of shown)
    err.writeRaw(annotation({ level, message, hint: hint === null ? undefined : advice.text(hint) }));
}

async function writeSummary(
  { name, command, settings, progress, session }: Running,
  result: object,
): Promise<void> {
  if (!settings.githubSummary || !command.summary) return;
  const text = session.advice.text(command.summary(result, settings));
  try {
    await writeStepSummary(settings.githubSummary, `shelfshack-ws ${name}`, text);
  } catch (error) {
    progress.report({ kind: "warning", message: `no summary: ${explain(error).message}` });
  }
}

/** Whether an error is nothing but the interruption: its reason itself, or a wait that it ended. */
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

const stopping = { kind: "note", message: "stopping; press Ctrl-C again to stop at once" } as const;

/**
 * The first signal lets the running call end (FAULTS.md D-29), the second ends the process. Until now `bin`
 * has held them.
 */
function stopOnSignals(session: Session): void {
  const { interruption, err } = session;
  /** A terminal that shows what is typed has `^C` where the next line is to begin. */
  const afterEcho = () => {
    if (process.stdin.isTTY && !process.stdin.isRaw && err.stream.isTTY) err.writeRaw("\n");
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const before = process.listeners(signal);
    process.on(signal, () => {
      if (isInterrupted(interruption.signal)) process.exit(exitCodes.interrupted);
      interruption.abort(interruptedBy(signal));
      if (signal === "SIGINT") afterEcho();
      session.stopping();
    });
    // Not before: without any listener Node forgets a signal that is on its way.
    for (const one of before) process.off(signal, one);
  }
}

const isUntilInterrupted = ({ untilInterrupted }: AnyCommand, settings: Settings): boolean =>
  typeof untilInterrupted === "function" ? untilInterrupted(settings) : untilInterrupted === true;
/** Whether this run of the command streams. */
const isStreaming = (command: AnyCommand, settings: Settings): boolean =>
  command.line !== undefined &&
  (typeof command.untilInterrupted !== "function" || command.untilInterrupted(settings));

/** Whether it streams what others log: a program may read that. */
const isFollowed = (command: AnyCommand, settings: Settings): boolean =>
  isStreaming(command, settings) && isUntilInterrupted(command, settings);

/** Whether a program reads what the command streams: then stdout has the content alone. */
const isPlain = (command: AnyCommand, { stream }: Writer): boolean =>
  command.plain !== undefined && !stream.isTTY;
const lineOf = (line: Advice | undefined, advice: AdvicePrinter): Plain =>
  line === undefined ? {} : { content: advice.screen(line) };

/** What a command gets of the process. */
function shellOf({ command, args, settings, session, progress, projectState }: Running): Shell<Streamed> {
  const { out, err, interruption, advice } = session;
  const canAsk = process.stdin.isTTY && process.stderr.isTTY && !isCi(environment);
  return {
    emit(item) {
      progress.pause();
      if (settings.json) return out.writeRaw(`${asJson(asDocument(advice.json(item)))}\n`);
      const { content, aside }: Plain = isPlain(command, out)
        ? (command.plain?.(item) ?? {})
        : lineOf(command.line?.(item, settings), advice);
      if (content !== undefined) out.tell(`${content}\n`);
      if (aside !== undefined && !settings.quiet) err.tell(`${advice.screen(aside)}\n`);
    },
    async screen() {
      if (settings.json || !canSpin(out.stream, environment)) return undefined;
      progress.pause();
      return (await import("../terminal/screen.ts")).screenOn(out);
    },
    drained: () => out.drained(interruption.signal),
    isBehind: () => out.isBehind(),
    async ask(question) {
      const { askPerson, refuseToAsk } = await import("../terminal/prompt.ts");
      using _held = progress.hold();
      for (const line of question.details ?? []) err.tell(`${line}\n`);
      if (!canAsk) return refuseToAsk(question);
      return await askPerson(question, err, process.stdin, interruption.signal);
    },
    async askUnseen(what) {
      const { typedSecret } = await import("../terminal/line.ts");
      using _held = progress.hold();
      return await typedSecret(process.stdin, err.shown(what), interruption.signal);
    },
    async typed(ask) {
      using _held = progress.hold();
      return await ask();
    },
    canAsk,
    args,
    projectState,
    stdin: process.stdin,
    stdout: process.stdout,
  };
}

/** A streamed item as a document, or with its `kind` a result or an error. */
const asDocument = (content: unknown, kind?: "result" | "error"): object =>
  Object.assign({ schemaVersion: SCHEMA_VERSION, ...(kind && { kind }) }, content);

/** JSON for programs: escaped like everything else, and without styles, which are for people. */
const asJson = (value: unknown, space?: number): string => safeJson(value, space, unstyled);

/**
 * The result on stdout with what to type next; after streamed items its JSON is one more line. What programs
 * read has the next command on stderr, where `--quiet` leaves it out.
 */
function printResult(
  command: AnyCommand,
  result: object,
  settings: Settings,
  { out, err, advice }: Session,
): void {
  const next = command.next(result, settings);
  if (settings.json) {
    const document = asDocument(advice.json({ ...result, next: stepsIn(next) }), "result");
    return out.writeRaw(`${asJson(document, isStreaming(command, settings) ? undefined : 2)}\n`);
  }
  const text = advice.screen(command.render(result, settings));
  const writer = isPlain(command, out) ? err : out;
  if (text !== "") writer[command.verbatim ? "write" : "tell"](`${text}\n`);
  const following = settings.quiet ? "" : advice.screen(nextText(next));
  if (following === "") return;
  const isRead = command.verbatim || command.piped || isFollowed(command, settings);
  (isRead ? err : out).tell(`${text === "" || isRead ? "" : "\n"}${following}\n`);
}

/**
 * The error in words on stderr, and as a document on stdout where JSON was asked for; on one screen the
 * document says it all.
 */
function showError(error: unknown, { out, err, json, debug, annotating, advice }: Session): ExitCode {
  const { code, message, hint: advised, phase, exitCode, cause, stack } = explain(error);
  const hint = advised && advice.text(advised);
  const argv = advised && advice.argv(advised);
  const document: ErrorDocument = {
    error: { code, message, phase, hint, ...(argv && argv.length > 0 && { argv }), exitCode },
  };
  if (json) out.writeRaw(`${asJson(asDocument(document, "error"))}\n`);
  if (!(json && out.stream.isTTY && err.stream.isTTY))
    err.tell(asProblem(style.red("error:"), message, advised && advice.screen(advised)));
  if (annotating) err.writeRaw(annotation({ level: "error", message, hint }));
  if (debug)
    err.write(
      `${style.dim(continued(cause instanceof Error ? `${stack}\ncaused by ${cause.stack}` : `${stack}`))}\n`,
    );
  return exitCode;
}
