import { exitCodes, type ExitCode } from "./codes.ts";
import { CliError } from "./error.ts";

/** Which failures tell more than others: a refusal, then what was asked for in a wrong way. */
const tellingFirst: readonly ExitCode[] = [exitCodes.interrupted, exitCodes.refused, exitCodes.usage];

/**
 * All values, as `Promise.all` gives them; but where several fail, all have ended, and the failure that tells
 * most is thrown, of equal ones the first in the list. Which one came first is chance, and must not decide
 * the exit code.
 */
export async function allTelling<const T extends readonly unknown[]>(
  values: T,
): Promise<{ -readonly [I in keyof T]: Awaited<T[I]> }> {
  const failures = (await Promise.allSettled(values)).flatMap((one) =>
    one.status === "rejected" ? [one.reason as unknown] : [],
  );
  if (failures.length > 0) throw mostTelling(failures);
  return await Promise.all(values);
}

/** Of failures the one that tells most, of equal ones the first; undefined where there is none. */
export function mostTelling([first, ...others]: readonly unknown[]): unknown {
  const rank = (failure: unknown) => {
    const place = failure instanceof CliError ? tellingFirst.indexOf(failure.exitCode) : -1;
    return place === -1 ? tellingFirst.length : place;
  };
  return others.reduce((most, one) => (rank(one) < rank(most) ? one : most), first);
}
