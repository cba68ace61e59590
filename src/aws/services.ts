import type { AwsCredentialIdentityProvider, GetOutputType, MiddlewareStack } from "@smithy/types";
import type { Protocol } from "./authentic.ts";
import type * as amplify from "./services/amplify.ts";
import type * as apigateway from "./services/apigateway.ts";
import type * as apigatewayv2 from "./services/apigatewayv2.ts";
import type * as connections from "./services/connections.ts";
import type * as iam from "./services/iam.ts";
import type * as lambda from "./services/lambda.ts";
import type * as logs from "./services/logs.ts";
import type * as metrics from "./services/metrics.ts";
import type * as sts from "./services/sts.ts";

/** What a file of `services/` has: the client of one service, and the commands that this program sends. */
interface Sdk {
  Client: new (config: ClientConfig) => object;
}

/** What every client is made with; what is absent the SDK finds by its own rules. */
export interface ClientConfig {
  region?: string;
  endpoint?: string;
  credentials?: AwsCredentialIdentityProvider | { accessKeyId: string; secretAccessKey: string };
  /** What finds the credentials where there are none, instead of the SDK's own. */
  credentialDefaultProvider?: (given: object) => AwsCredentialIdentityProvider;
  maxAttempts: number;
  requestHandler: object;
}

/** Any of the clients, for code that treats all alike (the methods are bivariant on purpose). */
export interface AnyClient {
  middlewareStack: MiddlewareStack<object, object>;
  config: { credentials: AwsCredentialIdentityProvider; disableHostPrefix: boolean };
  send(command: object, options?: CallOptions): Promise<object>;
  destroy(): void;
}

/** Options of a single call. */
interface CallOptions {
  abortSignal?: AbortSignal;
  requestTimeout?: number;
}

type ClientOf<Of extends Sdk> = InstanceType<Of["Client"]>;
type Operation<Of> = { [Key in keyof Of]: Key extends `${infer Name}Command` ? Name : never }[keyof Of];
type CommandOf<Of, Name extends Operation<Of>> = Of[`${Name & string}Command` & keyof Of] extends new (
  ...input: never[]
) => infer Command
  ? Command
  : never;

/** An operation that this program sends, by AWS's name for it. */
export type AnyOperation =
  | Operation<typeof amplify>
  | Operation<typeof apigateway>
  | Operation<typeof apigatewayv2>
  | Operation<typeof connections>
  | Operation<typeof iam>
  | Operation<typeof lambda>
  | Operation<typeof logs>
  | Operation<typeof metrics>
  | Operation<typeof sts>;

/** A service of AWS. */
export interface Service<Of extends Sdk> {
  /** Calls an operation by AWS's name for it. Client and commands are loaded with the first call. */
  call<Name extends Operation<Of>>(
    name: Name,
    input: CommandOf<Of, Name> extends { input: infer Input } ? Input : never,
    options?: CallOptions,
  ): Promise<GetOutputType<CommandOf<Of, Name>>>;
  /** Sends a command that the caller has loaded. */
  send: ClientOf<Of> extends { send: infer Send } ? Send : never;
  /** The client itself, for what the SDK keeps in it. */
  client(): Promise<ClientOf<Of>>;
}

export interface Services {
  lambda: Service<typeof lambda>;
  apigatewayv2: Service<typeof apigatewayv2>;
  /** Version 1, which has the settings of the account. */
  apigateway: Service<typeof apigateway>;
  iam: Service<typeof iam>;
  sts: Service<typeof sts>;
  logs: Service<typeof logs>;
  metrics: Service<typeof metrics>;
  amplify: Service<typeof amplify>;
  /** The connections of one stage, at its `https://…/stage`. */
  connectionsAt(endpoint: string): Service<typeof connections>;
}

/** The services, whose clients are made with `config`; `equip` adds what all of them have in common. */
export function servicesAt(
  config: ClientConfig,
  equip: (client: AnyClient, protocol: Protocol) => void,
): Services {
  const turns = firstAhead();
  const service = <Of extends Sdk>(load: () => Promise<Of>, protocol: Protocol, endpoint?: string) =>
    onFirstCall(turns, load, ({ Client }, credentials) => {
      const client = new Client({ ...credentials, ...config, ...(endpoint && { endpoint }) }) as AnyClient;
      equip(client, protocol);
      return client;
    });
  return {
    lambda: service(() => import("./services/lambda.ts"), "json"),
    apigatewayv2: service(() => import("./services/apigatewayv2.ts"), "json"),
    apigateway: service(() => import("./services/apigateway.ts"), "json"),
    iam: service(() => import("./services/iam.ts"), "xml"),
    sts: service(() => import("./services/sts.ts"), "xml"),
    logs: service(() => import("./services/logs.ts"), "json"),
    metrics: service(() => import("./services/metrics.ts"), "json"),
    amplify: service(() => import("./services/amplify.ts"), "json"),
    connectionsAt: (endpoint) => service(() => import("./services/connections.ts"), "json", endpoint),
  };
}

/** A service whose client and commands are loaded with its first call. */
function onFirstCall<Of extends Sdk>(
  turns: Turns,
  load: () => Promise<Of>,
  make: (sdk: Of, credentials: Pick<ClientConfig, "credentials">) => AnyClient,
): Service<Of> {
  let opened: Promise<{ sdk: Of; client: AnyClient }> | undefined;
  const open = () =>
    (opened ??= turns.take(async (credentials) => {
      const sdk = await load();
      return { sdk, client: make(sdk, credentials) };
    }));
  const withClient = async <T>(use: (opened: { sdk: Of; client: AnyClient }) => T): Promise<Awaited<T>> => {
    try {
      return await use(await open());
    } finally {
      turns.end();
    }
  };
  const service = {
    call: (name: string, input: object, options?: CallOptions) =>
      withClient(({ sdk, client }) => client.send(commandOf(sdk, name, input), options)),
    send: (command: object, options?: CallOptions) =>
      withClient(({ client }) => client.send(command, options)),
    client: () => withClient(({ client }) => client),
  };
  return service as unknown as Service<Of>;
}

function commandOf(sdk: Sdk, name: string, input: object): object {
  const { [`${name}Command`]: Command } = sdk as unknown as Record<string, new (input: object) => object>;
  if (!Command) throw new Error(`src/aws/services has no ${name}`);
  return new Command(input);
}

interface Turns {
  /** Opens a client: the first at once, every other one when the first turn is over. */
  take<T extends { client: AnyClient }>(
    open: (credentials: Pick<ClientConfig, "credentials">) => Promise<T>,
  ): Promise<T>;
  /** Ends the first turn. */
  end(): void;
}

/** How long a request may take to leave this process: loading what is next would hold it up. */
const LEAVING_MS = 10;

/**
 * The first client goes ahead: the others are loaded when its call has left, while AWS works. They get the
 * credentials that it has found.
 */
function firstAhead(): Turns {
  let end = () => {};
  const isOver = new Promise<void>((resolve) => (end = resolve));
  let first: Promise<{ client: AnyClient }> | undefined;
  return {
    end: () => end(),
    async take(open) {
      if (first) {
        await isOver;
        const { client } = await first;
        return await open({ credentials: client.config.credentials });
      }
      const opened = open({});
      first = opened;
      const { client } = await opened;
      const name = "shelfshackFirstCall";
      client.middlewareStack.add(
        (next) => (call) => {
          client.middlewareStack.remove(name);
          setTimeout(end, LEAVING_MS);
          return next(call);
        },
        { step: "deserialize", name, priority: "high" },
      );
      return await opened;
    },
  };
}
