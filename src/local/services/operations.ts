import type { Declared, Members, NoOthers } from "../wire/members.ts";
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

type Input<Sdk, Name extends string> =
  Instance<Sdk, Name> extends { input: infer Given } ? Checked<Given> : never;

type Output<Sdk, Name extends string> =
  Instance<Sdk, Name> extends {
    resolveMiddleware(...given: never[]): (given: never) => Promise<{ output: infer Answered }>;
  }
    ? Omit<Answered, "$metadata">
    : never;

type Answer<Output> = object extends Output ? Output | void : Output;

/** The SDK writes a required member as `T | undefined`; here it was checked before the operation runs. */
type Checked<Given> = {
  [Key in keyof Given]: object extends Pick<Given, Key> ? Given[Key] : Exclude<Given[Key], undefined>;
};

/** One operation of a service that works with `Parts`. */
export interface Operation<Parts = never> {
  name: string;
  /** See wire/members: what the operation emulates of its input. */
  members: object;
  run(input: never, at: At & Parts): Maybe<object | void>;
}

/**
 * What declares the operations of one service, typed by the SDK client that will call them. `Parts` is what
 * the service's operations work with: its state, the host, other services' ports.
 *
 *     const op = operations<typeof sdk, Iam>();
 *     op("GetRole", { RoleName: all }, ({ RoleName }, { roles }) => …);
 *
 * `run` gets the declared members, the {@link At} of its call and the service's parts. It answers its output,
 * or throws an AwsError.
 */
export const operations =
  <Sdk, Parts>() =>
  <Name extends Names<Sdk>, const Given extends Members<Input<Sdk, Name>>>(
    name: Name,
    members: Given & NoOthers<Given, Input<Sdk, Name>>,
    run: (input: Declared<Input<Sdk, Name>, Given>, at: At & Parts) => Maybe<Answer<Output<Sdk, Name>>>,
  ): Operation<Parts> => ({ name, members, run });

/**
 * Which operations change something, by AWS's own verbs. Running a function or asking for a stream is no
 * change.
 */
export const isMutating = (operation: string): boolean =>
  /^(Add|Attach|Create|Delete|Detach|Publish|Put|Remove|Set|Tag|Untag|Update)/.test(operation);
