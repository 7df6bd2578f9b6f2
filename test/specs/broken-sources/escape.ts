import { secrets } from '../../secrets.ts';
export const handle = () => secrets;
