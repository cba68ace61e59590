import type { Pluggable } from "@smithy/types";

/** What a run has written, by the names of AWS's operations. */
export interface Writes {
  /** AWS has answered these. */
  done: Set<string>;
  /** And these were sent: one that is not done may still have been carried out. */
  begun: Set<string>;
}

export const noWrites = (): Writes => ({ done: new Set(), begun: new Set() });

/** What every other operation does changes nothing that is kept. */
const reading = /^(Get|List|Describe|Filter|Simulate|StartLiveTail|Invoke|PostToConnection)/;

/**
 * An SDK plug-in that notes each call that changes something. After Ctrl-C a run that has written nothing yet
 * begins no write.
 */
export function notingWrites<Input extends object, Output extends object>(
  { done, begun }: Writes,
  signal: AbortSignal,
): Pluggable<Input, Output> {
  return {
    applyToStack(stack) {
      stack.add(
        (next, context) => async (call) => {
          const operation = String(context.commandName).replace(/Command$/, "");
          if (reading.test(operation)) return await next(call);
          if (begun.size === 0) signal.throwIfAborted();
          begun.add(operation);
          const result = await next(call);
          done.add(operation);
          return result;
        },
        { step: "initialize", name: "shelfshackWrites" },
      );
    },
  };
}
