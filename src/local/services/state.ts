/** What all services keep: by service, then by region. This is what a state folder holds. */
export type SavedState = Map<string, SavedService>;

/** What one service keeps, by region. */
export type SavedService = Map<string, object>;

/** A service's state, which is another one in each region. */
export interface Regional<State> {
  /** That of one region, made when it is first asked for. */
  in(region: string): State;
  /** That of every region in which there is something. */
  all(): readonly State[];
}

/** The state of a service that belongs to a region. `empty` makes that of a new region. */
export const regional =
  <State extends object>(empty: () => State) =>
  (saved: SavedService): Regional<State> => ({
    in(region) {
      const found = (saved.get(region) as State | undefined) ?? empty();
      saved.set(region, found);
      return found;
    },
    all: () => [...saved.values()] as State[],
  });

/** Where the state of a service without regions is kept. */
export const everywhere = "global";

/** The state of a service that is the same in every region, such as IAM's. */
export const global =
  <State extends object>(empty: () => State) =>
  (saved: SavedService): State =>
    regional(empty)(saved).in(everywhere);
