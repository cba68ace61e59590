/** What an empty function costs. */
export const handler = (): Promise<{ statusCode: number }> => Promise.resolve({ statusCode: 200 });
