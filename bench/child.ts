/** The process of one measurement: see apart.ts. Its arguments are a file that exports `measure`, and what that takes, as JSON. */
export type Answer = { readonly value: unknown } | { readonly error: string };

async function answer(file: string, options: unknown): Promise<Answer> {
  try {
    const { measure } = (await import(file)) as { measure(options: unknown): Promise<unknown> };
    return { value: await measure(options) };
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

const [file = '', options = '{}'] = process.argv.slice(2);
// Peers may keep timers and threads that nobody ends.
process.send?.(await answer(file, JSON.parse(options)), () => process.exit());
