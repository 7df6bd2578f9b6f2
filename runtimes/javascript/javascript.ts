/** JavaScript as the cell sees it: the bundle goes in as text, stacks come out mapped to the author's files. */
import { SourceMap, type SourceMapPayload } from 'node:module';
import type { ActorPlan } from '../protocol.ts';
import type { AuthorPlace, Runtime, StackReader } from '../runtime.ts';

const MiB = 1024 * 1024;

/** isolated-vm's smallest heap. */
const smallestHeap = 16;

/** The guest evaluates the bundle with one line before it. */
const linesBefore = 1;

export const javascriptRuntime: Runtime = {
  name: 'javascript',
  synchronous: false,
  prepare() {},
  heap: (limits) => Math.max(smallestHeap, Math.ceil(limits.memory / MiB)),
  load: async (_isolate, _context, _plan, payloads) => [payloads[0]?.toString('utf8') ?? ''],
  locate: (plan, payloads) => stackReader(plan, payloads[1]),
};

/** A frame of the bundle, as V8 writes it after `//# sourceURL=vivarium:NAME`. */
const frame = /^\s+at (?:async )?(?:(?<name>.+?) \()?vivarium:[^:()]+:(?<line>\d+):(?<column>\d+)\)?$/;

/** Frames that are not the author's are left out: they would show how an actor is run, and nobody can mend them. */
function stackReader(plan: ActorPlan, map: Buffer | undefined): StackReader {
  let sourceMap: SourceMap | undefined;
  const open = (): SourceMap | undefined => {
    if (map === undefined || map.length === 0) return undefined;
    sourceMap ??= new SourceMap(JSON.parse(map.toString('utf8')) as SourceMapPayload);
    return sourceMap;
  };

  return (stack) => {
    if (stack === undefined) return { stack: undefined };
    const lines = stack.split('\n');
    const first = lines.findIndex((line) => /^\s+at /.test(line));
    const message = first === -1 ? lines : lines.slice(0, first);
    const frames: string[] = [];
    let place: Omit<AuthorPlace, 'stack'> = {};
    for (const line of first === -1 ? [] : lines.slice(first)) {
      const match = frame.exec(line)?.groups;
      if (match === undefined) continue;
      const original = originalPlace(open(), Number(match['line']) - linesBefore, Number(match['column']), plan);
      if (original === undefined) continue;
      if (place.file === undefined) place = original;
      const where = `${original.file}:${original.line}:${original.column}`;
      const name = match['name'];
      frames.push(name === undefined || name === 'eval' ? `    at ${where}` : `    at ${name} (${where})`);
    }
    return { stack: [...message, ...frames].join('\n'), ...place };
  };
}

function originalPlace(map: SourceMap | undefined, line: number, column: number, plan: ActorPlan): { file: string; line: number; column: number } | undefined {
  if (line < 1) return undefined;
  if (map === undefined) return { file: plan.source.file, line, column };
  const entry = map.findEntry(line - 1, column - 1);
  if (!('originalSource' in entry)) return undefined;
  return { file: entry.originalSource, line: entry.originalLine + 1, column: entry.originalColumn + 1 };
}
