/**
 * The answer, or undefined where AWS says that there is no such thing (the names of Lambda and Logs, IAM, API
 * Gateway).
 */
export async function orMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    const missing = ["ResourceNotFoundException", "NoSuchEntityException", "NotFoundException"];
    if (error instanceof Error && missing.includes(error.name)) return undefined;
    throw error;
  }
}

/** Every item of a paged list (API Gateway's SDK client has no paginators, AWS.md 3.5). */
export async function everyPage<T>(
  page: (
    nextToken: string | undefined,
  ) => Promise<{ Items?: T[] | undefined; NextToken?: string | undefined }>,
): Promise<T[]> {
  const items: T[] = [];
  let token: string | undefined;
  do {
    const { Items = [], NextToken } = await page(token);
    items.push(...Items);
    token = NextToken;
  } while (token);
  return items;
}
