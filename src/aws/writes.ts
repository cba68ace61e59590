import type { Pluggable } from "@smithy/types";

/** What a run has written: the names of calls that AWS has answered, and of those that it may have taken. */
export interface Writes {
  done: Set<string>;
  begun: Set<string>;
}

export const noWrites = (): Writes => ({ done: new Set(), begun: new Set() });

/** What every other operation does changes nothing that is kept. */
const reading = /^(Get|List|Describe|Filter|Simulate|StartLiveTail|Invoke|PostToConnection)/;

/** An SDK plug-in that notes each call which changes something; after Ctrl-C none is the first one. */
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
