import type { Handler } from 'vivarium/actor';

export const handle: Handler = (message) => message;
