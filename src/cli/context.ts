import type { Artifact, Compared } from "../artifact/zip.ts";
import type { Aws, connectAws } from "../aws/clients.ts";
import type { Writes } from "../aws/writes.ts";
import type { Report } from "../progress.ts";
import type { Described, RunLimits } from "../resources/config.ts";
import type { WebSocketStack } from "../resources/stack.ts";
import type { AwsOptions, StackNames, StackProperties, TokenOptions } from "../settings/commands.ts";
import type { DeployableStack, OpenStack } from "../stack/deploy.ts";
import type { PipedLines } from "../terminal/line.ts";
import type { Question } from "../terminal/prompt.ts";
import type { Screen } from "../terminal/screen.ts";

/** Where a run says what it does, and what ends it. */
interface Run {
  report: Report;
  /** Aborted by the first Ctrl-C or SIGTERM: finish the running call, then stop. */
  signal: AbortSignal;
  /** Gets what is written to AWS. */
  writes?: Writes;
}

/** What the command line hands to a command. */
export interface Shell<Item> {
  /** Hands over one streamed item: a line of text, or one line of JSON with `--json`. */
  emit(item: Item): void;
  /** Where texts are shown in place of each other; undefined off a terminal, and with `--json`. */
  screen(): Promise<Screen | undefined>;
  /** Settles when the reader of what was emitted takes more: to be awaited before more is read. */
  drained(): Promise<void>;
  /** Whether much was emitted that is not read yet: more is to be left out, or to be waited with. */
  isBehind(): boolean;
  /**
   * Asks a person; without a terminal, and in CI, it prints the question's details and throws a CliError with
   * exit code 2 that names the option to use instead.
   */
  ask(question: Question): Promise<string>;
  /** Asks a person, who can be asked, for one line that is not shown. */
  askUnseen(what: string): Promise<string>;
  /** Takes what a person may type: no spinner writes over that meanwhile. */
  typed<T>(ask: () => Promise<T>): Promise<T>;
  /** Whether a person can be asked: on a terminal, outside CI. */
  canAsk: boolean;
  /** The arguments after the command's name that are not options. */
  args: readonly string[];
  /**
   * The user's folder for what belongs to this project, which need not be there yet; undefined for a user
   * without a home.
   */
  projectState: string | undefined;
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
}

/**
 * What a command gets from the outside besides its settings. What it opens is made on first use and closed
 * when the command has ended; no command closes anything of it. `Item` is what the command streams while it
 * runs (frames, log lines).
 */
export interface Context<Item = never> extends Run, Shell<Item> {
  /** The clients of one address. Throws a CliError (exit 2) when no region is known. */
  aws(at: AwsOptions): Promise<Aws>;
  /** A stack to read and to delete: of what is not given nothing is compared. */
  stack(of: StackNames & Partial<StackProperties>): Promise<OpenStack<WebSocketStack>>;
  /** A stack to read, compared with the options; own code that was not named stays out of that. */
  stack(of: StackNames & StackProperties, code: Compared): Promise<OpenStack<WebSocketStack>>;
  /** A stack to deploy, `only` some steps of it or all; what was made by hand is adopted where asked for. */
  stack(
    of: StackNames & StackProperties & RunLimits,
    artifact: Artifact,
  ): Promise<DeployableStack<WebSocketStack>>;
  /**
   * The client's token, if any: `--token`, or with `--token-stdin` the first line or an answer. Where one
   * `isNeeded` and none was given, a person is asked.
   */
  token(of: TokenOptions, isNeeded?: boolean): Promise<string | undefined>;
  /** The lines of a stdin that is no terminal; with `--token-stdin` those after the token. */
  lines(): Promise<AsyncIterableIterator<string>>;
}

/** A context that loads AWS's SDK, makes clients and reads stdin only where a command asks for them. */
export function openContext(run: Run, shell: Shell<object>): Context<object> & AsyncDisposable {
  const closings: (() => void)[] = [];
  const askCode = (serial: string) => shell.askUnseen(`MFA code for ${serial}`);
  const aws = clientsFor({ ...run, askCode: shell.canAsk ? askCode : undefined }, closings);
  const lines = linesOf(shell.stdin, closings);

  function stack(of: Described, code?: Compared): Promise<OpenStack<WebSocketStack>>;
  function stack(of: Described, code: Artifact): Promise<DeployableStack<WebSocketStack>>;
  async function stack(of: Described, code?: Artifact | Compared): Promise<OpenStack<WebSocketStack>> {
    const open = await describe(of, code, { ...run, aws: await aws(of), timeScale: 1 });
    if (!code || "compared" in code) return open;
    const deployable: DeployableStack<WebSocketStack> = { ...open, code: codeOf(code) };
    return deployable;
  }
  return {
    ...run,
    ...shell,
    aws,
    stack,
    async token({ token, tokenStdin }, isNeeded = false) {
      if (!tokenStdin && (token !== undefined || !isNeeded || !shell.canAsk)) return token;
      const { tokenFrom, typedToken } = await import("../terminal/line.ts");
      return shell.stdin.isTTY
        ? await shell.typed(() => typedToken(shell.stdin))
        : await tokenFrom(await lines());
    },
    lines,
    async [Symbol.asyncDispose]() {
      for (const close of closings.toReversed()) close();
    },
  };
}

/** Makes the clients of an address, once. */
function clientsFor(
  run: Parameters<typeof connectAws>[1],
  closings: (() => void)[],
): (at: AwsOptions) => Promise<Aws> {
  const clients = new Map<string, Promise<Aws>>();
  const connect = async (at: AwsOptions): Promise<Aws> => {
    const { connectAws: connectTo } = await import("../aws/clients.ts");
    const aws = await connectTo(at, run);
    closings.push(() => aws.close());
    return aws;
  };
  return ({ local, port, endpointUrl, region }) => {
    const address = JSON.stringify([local, port, endpointUrl, region]);
    const opened = clients.get(address) ?? connect({ local, port, endpointUrl, region });
    clients.set(address, opened);
    return opened;
  };
}

/** Starts to read the lines of stdin, once. */
function linesOf(stdin: NodeJS.ReadStream, closings: (() => void)[]): () => Promise<PipedLines> {
  let opened: Promise<PipedLines> | undefined;
  const open = async () => {
    const { pipedLines } = await import("../terminal/line.ts");
    const lines = pipedLines(stdin);
    closings.push(() => lines.close());
    return lines;
  };
  return () => (opened ??= open());
}

/** The stack that the options describe; calls nothing yet. */
async function describe(
  of: Described,
  code: Artifact | Compared | undefined,
  run: OpenStack["run"],
): Promise<OpenStack<WebSocketStack>> {
  const [
    { accountIn, alsoServedWith, backendIn, rightsNeeded, stackOf, webSocketUrl },
    { stackConfig },
    { refuseUnfitRole },
  ] = await Promise.all([
    import("../resources/stack.ts"),
    import("../resources/config.ts"),
    import("../aws/unfit-role.ts"),
  ]);
  const config = stackConfig(of, run.aws.region, code);
  const stack = stackOf(config);
  return {
    stack,
    told: [stack.api, stack.stage, stack.lambdaFunction],
    run,
    urlIn: (changes) => webSocketUrl(stack, changes),
    backendIn: (changes) => backendIn(stack, changes),
    alsoServed: (changes) => alsoServedWith(stack, changes),
    accountIn: (observed) => accountIn(stack, observed),
    async refuseUnfit(changes) {
      const needed = rightsNeeded(config, stack, changes);
      if (needed) await refuseUnfitRole(needed.roleArn, needed.document, run);
    },
  };
}

const codeOf = ({ zip, sha256 }: Artifact) => ({ bytes: zip.length, sha256 });
