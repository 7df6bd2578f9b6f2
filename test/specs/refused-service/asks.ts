import type { Context } from 'vivarium/actor';

export const handle = async (_: unknown, { services }: Context) => {
  try {
    return await services.orders.list({ since: '2026-01-01' });
  } catch (error) {
    const { code, message } = error as Error & { code: string };
    return { code, message };
  }
};
