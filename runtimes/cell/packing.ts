/** Batches as an instance is given them: side by side, each column of all of them together. */
import { inBytes, ofOneWriter } from '../guest/wire.ts';
import { executionSeparator, textLane } from '../lanes.ts';
import type { RuntimeName } from '../protocol.ts';
import { type Batch, countOf } from './batch.ts';
import { bufferOf, placeIn } from './binary.ts';
import type { Body } from './body.ts';
import { batchHeader } from './records.ts';

export interface Packed {
  readonly headers: string;
  readonly lengths: string;
  readonly numbers: string;
  readonly descriptions: string;
  readonly body: string;
  /** What goes over as bytes; undefined if nothing does. */
  readonly bytes: ArrayBuffer | undefined;
}

export function packed(batches: readonly Batch[], runtime: RuntimeName): Packed {
  let headers = '';
  let lengths = '';
  let numbers = '';
  let body = '';
  const binary: Body[] = [];
  let descriptions = '';
  let described: string | undefined;
  let line = -1;
  for (const batch of batches) {
    // Most executions are described alike: once for all of them.
    if (batch.description !== described) {
      described = batch.description;
      descriptions += line++ < 0 ? described : executionSeparator + described;
    }
    const place = placeIn(runtime, batch.lane);
    const together = batch.writer !== undefined && place === textLane && runtime === 'javascript';
    headers += batchHeader(batch.inlet, together ? ofOneWriter : place, line, countOf(batch));
    lengths += batch.lengths;
    numbers += batch.numbers;
    if (place === inBytes) binary.push(batch.body);
    else body += typeof batch.body === 'string' ? batch.body : batch.body.toString('latin1');
  }
  return { headers, lengths, numbers, descriptions, body, bytes: bufferOf(binary) };
}
