export const handle = (n: number): number => n;
