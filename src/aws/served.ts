import { orMissing } from "./answers.ts";

/** The alias that the API calls: the release that it points to serves clients (AWS.md 4.6). */
export const ALIAS = "live";

/** What is asked about: what an alias serves, or the function as it was written last. */
type Asked = { Qualifier?: string };

/**
 * Asks about what serves clients: what the alias serves or, where a function has none, the function itself.
 * Undefined where there is no function.
 */
export const asServed = async <T>(ask: (of: Asked) => Promise<T>): Promise<T | undefined> =>
  (await orMissing(ask({ Qualifier: ALIAS }))) ?? (await orMissing(ask({})));

/** Asks about one release, or without any about what serves clients. Undefined where there is none. */
export const askedOf = <T>(
  release: string | undefined,
  ask: (of: Asked) => Promise<T>,
): Promise<T | undefined> => (release === undefined ? asServed(ask) : orMissing(ask({ Qualifier: release })));
