/** A call of the control plane, as IAM is asked about it. */
export interface AskedCall {
  operation: string;
  input: Readonly<Record<string, unknown>>;
  method: string;
  /** Still percent-encoded. */
  path: string;
  region: string;
  account: string;
}

/** What IAM has to allow; as many of them as a call needs. */
export interface Access {
  action: string;
  resource: string;
  /** Values of condition keys of this call; keys in lower case. */
  context?: Readonly<Record<string, string>>;
}

/**
 * What a service's calls need: its rule, and how it words a denial (AWS.md 6.7). The account's own user may
 * do everything; this is for the sessions of roles.
 */
export interface Authorization {
  accesses(call: AskedCall): readonly Access[];
  /** The name of its error for a call that is not allowed. */
  error: string;
  status: number;
}

/** A member of a call that is a text; empty for every other one. */
export const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** Whether a call gives tags to what it makes: that needs a permission of its own. */
export const hasTags = (tags: unknown): boolean => Object.keys(Object(tags) as object).length > 0;
