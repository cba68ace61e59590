/** More connections make the oldest forgotten. */
const MOST_CONNECTIONS = 20_000;

/** What an item, or a row, says of whose it is. */
interface Told {
  kind: string;
  connectionId?: string | undefined;
  apiId?: string | undefined;
  stage?: string | undefined;
  functionName?: string | undefined;
}

/** Which stacks the local AWS has, by what was seen of them, and what belongs to which: `apiId/stage`. */
export class Stacks {
  /** With the function of each, where that is known. */
  readonly names = new Map<string, string | undefined>();
  readonly #ofFunction = new Map<string, Set<string>>();
  readonly #ofConnection = new Map<string, string>();

  /** Whether it has told more of what belongs to a stack. */
  learn(item: Told): boolean {
    const { kind, connectionId, functionName } = item;
    const place = placeOf(item);
    // Anyone may ask for a stage that is not there.
    if (place === undefined || (kind !== "opened" && functionName === undefined)) return false;
    if (connectionId !== undefined) this.#remember(connectionId, place);
    const places = this.#ofFunction.get(functionName ?? "") ?? new Set();
    if (this.names.has(place) && (functionName === undefined || places.has(place))) return false;
    this.names.set(place, functionName ?? this.names.get(place));
    if (functionName !== undefined) this.#ofFunction.set(functionName, places.add(place));
    return true;
  }

  #remember(connectionId: string, place: string): void {
    this.#ofConnection.set(connectionId, place);
    const [oldest = connectionId] = this.#ofConnection.keys();
    if (this.#ofConnection.size > MOST_CONNECTIONS) this.#ofConnection.delete(oldest);
  }

  /** Those that it may be of: of a line of the log the function alone is known, which may serve several. */
  of(shown: Told): readonly string[] {
    const place = placeOf(shown) ?? this.#ofConnection.get(shown.connectionId ?? "");
    return place === undefined ? [...(this.#ofFunction.get(shown.functionName ?? "") ?? [])] : [place];
  }
}

const placeOf = ({ apiId, stage }: Told): string | undefined =>
  apiId === undefined || stage === undefined ? undefined : `${apiId}/${stage}`;
