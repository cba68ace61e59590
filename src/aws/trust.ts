interface TrustStatement {
  Effect?: string;
  Principal?: string | { Service?: string | string[] };
}

/** Whether a role with this trust policy can be assumed by a service, such as `lambda.amazonaws.com`. */
export const trusts = ({ Statement = [] }: { Statement?: unknown }, service: string): boolean =>
  ([Statement].flat() as TrustStatement[]).some(
    ({ Effect, Principal }) =>
      Effect === "Allow" &&
      (typeof Principal === "object"
        ? [Principal.Service ?? []].flat().includes(service)
        : Principal === "*"),
  );
