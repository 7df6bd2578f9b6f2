import type { Path, Position } from '../manifest/diagnostic.ts';
import type { PolicyStatement } from './schema.ts';

/** A policy, or the name of one, with the place where it is stated. */
export interface PolicySource {
  /** A preset or a file by name, or a policy that the schema has admitted. */
  readonly statement: string | PolicyStatement;
  /** The file in which this stands, as it was named by whoever asked for it. */
  readonly file: string;
  /** Where a part of the statement stands. */
  readonly locate: (path: Path, part: 'key' | 'value') => Position;
}
