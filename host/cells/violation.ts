/** A cell said what it may not say. Whoever finds out throws; the cell is killed. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation';
}
