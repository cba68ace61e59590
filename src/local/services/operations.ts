import type { Session } from "./iam/sessions.ts";

/** What an operation knows besides its input. */
export interface At {
  region: string;
  /** Epoch milliseconds. */
  now: number;
  requestId: string;
  /**
   * The role's session that the request is signed for; absent for the account's own user, who may do
   * everything.
   */
  session: Session | undefined;
}

type Maybe<Value> = Value | Promise<Value>;

/** The names of the operations that an SDK client's module can call: `CreateRole` of `CreateRoleCommand`. */
type Names<Sdk> = { [Key in keyof Sdk]: Key extends `${infer Name}Command` ? Name : never }[keyof Sdk] &
  string;

type Instance<Sdk, Name extends string> = `${Name}Command` extends keyof Sdk
  ? Sdk[`${Name}Command`] extends abstract new (...given: never[]) => infer Command
    ? Command
    : never
  : never;

type Input<Sdk, Name extends string> = Instance<Sdk, Name> extends { input: infer Given } ? Given : never;

type Output<Sdk, Name extends string> =
  Instance<Sdk, Name> extends {
    resolveMiddleware(...given: never[]): (given: never) => Promise<{ output: infer Answered }>;
  }
    ? Omit<Answered, "$metadata">
    : never;

/** The SDK writes a required member as `T | undefined`; here it was checked before the operation runs. */
export type Checked<Given> = {
  [Key in keyof Given]: object extends Pick<Given, Key> ? Given[Key] : Exclude<Given[Key], undefined>;
};

/**
 * A service: its operations by name, typed by the SDK client that will call them.
 * An operation answers its output, or throws an AwsError; what is not in the table is not emulated.
 */
export type Operations<Sdk> = {
  [Name in Names<Sdk>]?: (
    input: Checked<Input<Sdk, Name>>,
    at: At,
  ) => Maybe<object extends Output<Sdk, Name> ? Output<Sdk, Name> | void : Output<Sdk, Name>>;
};

/** One operation of any service, as the server calls it. */
export type Operation = (input: never, at: At) => Maybe<object | void>;

/**
 * Which operations change something, by AWS's own verbs. Running a function or asking for a stream is no
 * change.
 */
export const isMutating = (operation: string): boolean =>
  /^(Add|Attach|Create|Delete|Detach|Publish|Put|Remove|Tag|Untag|Update)/.test(operation);
