import type { Invocation } from "../errors/advice.ts";
import type { ErrorCode, ExitCode } from "../errors/codes.ts";
import type { Command, Streamed } from "./command.ts";
import type { NextStep } from "./next.ts";

/**
 * The version of every JSON document: a key that is renamed or removed makes a new one, a new key does not.
 */
export const SCHEMA_VERSION = 1;

/** What every document begins with. */
interface Head<K extends string> {
  /** A key that is renamed or removed makes a new version; new keys do not. */
  schemaVersion: typeof SCHEMA_VERSION;
  kind: K;
}

/** An error as a document. */
export interface ErrorDocument {
  error: {
    /** What programs tell errors apart by. */
    code: ErrorCode;
    message: string;
    /** What was being done. */
    phase?: string | undefined;
    hint?: string | undefined;
    /** The commands of the hint, word by word. */
    argv?: string[][];
    exitCode: ExitCode;
  };
}

/** What every result has. */
interface Ending {
  /** What to type next, one after the other; empty where there is nothing. */
  next: NextStep[];
}

/** A type as JSON has it: advice is its text, with the commands in it as `argv` of the nearest object. */
type Json<T> = T extends Invocation
  ? string
  : T extends readonly (infer Item)[]
    ? Invocation extends Item
      ? string
      : Json<Item>[]
    : T extends object
      ? { [K in keyof T]: Json<T[K]> } & Advising<T>
      : T;

/** The commands in the advice of an object, word by word. */
interface Words {
  argv: string[][];
}

/** Whether it is advice, also among others or in a list. */
type IsAdvice<T> = T extends Invocation ? true : T extends readonly (infer Item)[] ? IsAdvice<Item> : never;
/** True where one member always is a command. */
type AlwaysAdvises<T> = { [K in keyof T]-?: [T[K]] extends [Invocation] ? true : never }[keyof T];

type Advising<T> = [AlwaysAdvises<T>] extends [never]
  ? [IsAdvice<T[keyof T]>] extends [never]
    ? object
    : Partial<Words>
  : Words;

/** The documents of a command: the build makes a schema of each, so a type that lies fails a test. */
export interface DocumentsOf<C> {
  result: C extends Command<infer _C, infer Result, infer _Item>
    ? Head<"result"> & Json<Result & Ending>
    : never;
  error: Head<"error"> & ErrorDocument;
  item: C extends Command<infer _C, infer _Result, infer Item> ? ItemDocument<Item> : never;
}

type ItemDocument<Item extends Streamed> = Item extends Streamed ? Head<Item["kind"]> & Json<Item> : never;
