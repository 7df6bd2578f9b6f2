interface Priced {
  readonly price?: number;
}

export function priceOf(order: Priced): number {
  if (order.price === undefined) {
    throw new TypeError('an order without a price');
  }
  return order.price;
}
