export const amount = (text: string | number): number => Number(text);
