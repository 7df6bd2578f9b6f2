export const handle = (n: number => n;
