import type { Handler } from 'vivarium/actor';
import { amount } from './amounts.ts';

interface Order {
  readonly price: string | number;
  readonly quantity: number;
  readonly note: string;
}

export const handle: Handler<Order> = ({ price, quantity, note }) => ({ price: amount(price), quantity, note });
