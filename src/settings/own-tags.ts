/** What begins the names of our own tags, and what says whose a stack is, as other tools say it. */
export const OWN_PREFIX = "shelfshack-ws:";
export const MANAGER_TAG = "ManagedBy";

/** Whether a tag is one of ours, which no configuration sets. */
export const isOwnTag = (name: string): boolean => name === MANAGER_TAG || name.startsWith(OWN_PREFIX);

/** Whether a name is taken: ours in any case, since IAM tells no case apart, and AWS's own. */
export const isTakenTag = (name: string): boolean =>
  [OWN_PREFIX, "aws:"].some((prefix) => name.toLowerCase().startsWith(prefix)) ||
  name.toLowerCase() === MANAGER_TAG.toLowerCase();
