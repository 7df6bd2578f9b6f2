/** Python actors in tests: the text of one file, or several by name; the first is the actor. */
import path from 'node:path';
import { type InstanceOptions, TestInstance } from './isolate.ts';

export function startPython(code: string | Readonly<Record<string, string>>, options: Partial<InstanceOptions> = {}): Promise<TestInstance> {
  const files = typeof code === 'string' ? { 'actor.py': code } : code;
  const [file = ''] = Object.keys(files);
  const names = Object.keys(files).map((name) => path.posix.relative(path.posix.dirname(file), name));
  return TestInstance.start({ ...options, source: { runtime: 'python', file, files: names }, payloads: Object.values(files).map(unindent) });
}

/** Takes the indentation of the first line from all lines, so that Python can stand in a template string. */
function unindent(text: string): string {
  const indent = /^\n?([ \t]*)/.exec(text)?.[1] ?? '';
  return text.replace(/^\n/, '').replaceAll(new RegExp(`^${indent}`, 'gm'), '');
}
