/** QuickJS compiled to WebAssembly, as quickjs-emscripten shows it: a runtime for each actor, messages in and out as JSON. */
import { createRequire } from 'node:module';
import { rate } from '../timing.ts';

export interface Task {
  readonly length: number;
  readonly messages: number;
  readonly repetitions: number;
}

/** As much of the package as is used: it is not there when types are checked. */
interface Handle {
  dispose(): void;
}
interface Context {
  readonly undefined: Handle;
  evalCode(code: string): { readonly value: Handle };
  newString(text: string): Handle;
  callFunction(callee: Handle, self: Handle, ...input: Handle[]): { readonly value: Handle };
  getString(handle: Handle): string;
}
interface Core {
  newQuickJSWASMModuleFromVariant(variant: unknown): Promise<{ newRuntime(): { newContext(): Context } }>;
}

const program = 'const handle = (message) => ({ n: message.n + 1 }); (text) => JSON.stringify(handle(JSON.parse(text)))';

async function open(length: number): Promise<((text: string) => string)[]> {
  const require = createRequire(import.meta.url);
  const { newQuickJSWASMModuleFromVariant } = require('quickjs-emscripten-core') as Core;
  const { default: variant } = require('@jitl/quickjs-wasmfile-release-sync') as { default: unknown };
  const quickjs = await newQuickJSWASMModuleFromVariant(variant);
  return Array.from({ length }, () => {
    const context = quickjs.newRuntime().newContext();
    const handle = context.evalCode(program).value;
    return (text: string): string => {
      const input = context.newString(text);
      const output = context.callFunction(handle, context.undefined, input).value;
      const answer = context.getString(output);
      input.dispose();
      output.dispose();
      return answer;
    };
  });
}

export async function measure({ length, messages, repetitions }: Task): Promise<Record<string, number>> {
  const actors = await open(length);
  const drive = async (): Promise<void> => {
    for (let n = 0; n < messages; n++) JSON.parse(actors.reduce((text, actor) => actor(text), JSON.stringify({ n })));
  };
  return { rate: await rate(repetitions, messages * length, drive) };
}
