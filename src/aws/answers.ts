import { explain } from "../errors/explain.ts";

/**
 * What came back is not AWS's: a page, nothing at all, or an answer without what the operation cannot lack.
 * Whether the call was carried out is unknown (FAULTS.md D-06).
 */
export class NotAwsAnswer extends Error {
  override readonly name = "NotAwsAnswer";
  readonly $metadata: { httpStatusCode?: number };
  /** Who answered, as far as that is known. */
  readonly hostname: string | undefined;
  readonly port: number | undefined;

  /** `why` is a part of a sentence: "no request id". */
  constructor(why: string, status?: number, at: { hostname?: string; port?: number } = {}) {
    super(why);
    this.$metadata = status === undefined ? {} : { httpStatusCode: status };
    this.hostname = at.hostname;
    this.port = at.port;
  }
}

/** An object of AWS's that has these members. */
export type Complete<T, K extends keyof T> = T & { [Name in K]-?: NonNullable<T[Name]> };

/** Which of these members an object of AWS's lacks; all of them where there is no object. */
export function lacking<T extends object>(answered: T | undefined, members: readonly (keyof T)[]): string[] {
  return members.filter((name) => (answered?.[name] ?? undefined) === undefined).map(String);
}

/**
 * The same object, known to have these members. Throws `NotAwsAnswer` where it lacks one: a part of AWS's
 * answer that is missing is never taken for an empty one.
 */
export function complete<T extends object, K extends keyof T>(
  answered: T | undefined,
  members: readonly K[],
): Complete<T, K> {
  const missing = lacking(answered, members);
  if (missing.length > 0) throw new NotAwsAnswer(`no ${missing.join(", no ")}`);
  return answered as Complete<T, K>;
}

/** The members that have a value. */
export const given = <T extends object>(members: { [K in keyof T]: T[K] | undefined }): Partial<T> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Partial<T>;

/**
 * The answer, or undefined where AWS says that there is no such thing (the names of Lambda and Logs, IAM, API
 * Gateway).
 */
export async function orMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    const missing = ["ResourceNotFoundException", "NoSuchEntityException", "NotFoundException"];
    if (error instanceof Error && missing.includes(error.name)) return undefined;
    throw error;
  }
}

/** Whether AWS has said that the caller may not ask, or do it. */
export const isDenied = (error: unknown): boolean => explain(error).code.startsWith("denied");

/** The answer, or undefined where the caller may not ask; every other failure is thrown. */
export async function orDenied<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isDenied(error)) return undefined;
    throw error;
  }
}

/** The answer, or undefined where API Gateway has no such connection, or none any more (AWS.md 2.3). */
export async function orGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && error.name === "GoneException") return undefined;
    throw error;
  }
}

/** Every item of a paged list. Not the SDK's paginators: API Gateway's client has none (AWS.md 3.5). */
export async function everyPage<T>(
  page: (
    nextToken: string | undefined,
  ) => Promise<{ Items?: T[] | undefined; NextToken?: string | undefined }>,
): Promise<T[]> {
  const items: T[] = [];
  let token: string | undefined;
  do {
    const { Items, NextToken } = complete(await page(token), ["Items"]);
    items.push(...Items);
    token = NextToken;
  } while (token);
  return items;
}
