import { CliError } from "../errors/error.ts";

/** A function's environment variables. */
export type Variables = Readonly<Record<string, string>>;

/** All variables of a function together, as JSON, in bytes (AWS.md 4.4, 4.9). */
export const LARGEST_ENVIRONMENT = 4_096;

/** What the variables count for Lambda: bytes of JSON. */
export const sizeOf = (variables: Variables): number => Buffer.byteLength(JSON.stringify(variables));

/** Throws a CliError (exit 2) with the size, and the largest ones by name, for more than Lambda takes. */
export function refuseTooLarge(FunctionName: string, variables: Variables): void {
  const size = sizeOf(variables);
  if (size <= LARGEST_ENVIRONMENT) return;
  const largest = Object.entries(variables)
    .map(([name, value]) => [name, sizeOf({ [name]: value }) - 1] as const)
    .toSorted(([, one], [, other]) => other - one)
    .slice(0, 3)
    .map(([name, bytes]) => `${name} (${bytes})`);
  throw new CliError(
    "variables-too-large",
    `the variables of ${FunctionName} are ${size} bytes of JSON; Lambda takes ${LARGEST_ENVIRONMENT}`,
    { hint: `shorten or remove some; the largest ones: ${largest.join(", ")}` },
  );
}
