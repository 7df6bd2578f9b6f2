/**
 * Bundles that need not be made again.
 *
 * A bundle is made of what the bundler asks and is answered, and of nothing else. So the questions are kept beside it with their
 * answers (of texts, the hash), and are put again before it is used: to the same files of the author, under the same rules. It is
 * used if every answer is the same. A file that has changed, went, or lies behind a link that leads elsewhere now is a miss; what may
 * not be read is refused as ever. A hostile file that takes the bundler over is among the questions, because it was read before: what
 * such a bundler makes is used again for that file alone.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { BundleOrder, BundleOutcome } from './bundlerProcess.ts';
import { type Bundle, bundle } from './bundlerProtocol.ts';
import type { SourceCache } from './cache.ts';

const question = z.union([
  /** This import of that file means the file of this name. */
  z.strictObject({ importer: z.string(), specifier: z.string(), name: z.string() }),
  /** The file of this name has this text. */
  z.strictObject({ name: z.string(), hash: z.string() }),
]);

const cached = z.strictObject({ questions: z.array(question), bundles: z.array(bundle) });

type Question = z.infer<typeof question>;

/**
 * Takes bundles from the cache, or makes them and puts them there.
 *
 * @param order makes an order that nothing was asked of yet: files are counted as they are asked for
 * @throws what `make` throws
 */
export async function cachedBundles(
  cache: SourceCache,
  order: () => BundleOrder,
  make: (order: BundleOrder) => Promise<BundleOutcome>,
): Promise<BundleOutcome> {
  const key = await keyOf(order());
  const known = key === undefined ? undefined : await knownBundles(cache, key, order());
  if (known !== undefined) return { type: 'bundled', bundles: known };
  const recorded = new RecordedOrder(order());
  const outcome = await make(recorded);
  if (key !== undefined && outcome.type === 'bundled' && recorded.answered)
    await cache.put(key, JSON.stringify({ questions: recorded.questions, bundles: outcome.bundles }));
  return outcome;
}

/** Of all entries that are bundled together: who is bundled beside others gets what was made beside the same. */
async function keyOf(order: BundleOrder): Promise<string | undefined> {
  const hash = createHash('sha256').update(bundlerVersion());
  try {
    for (const name of order.entries) hash.update(JSON.stringify([name, hashOf(await order.load(name))]));
  } catch {
    // The bundler asks again, and tells where it is asked for.
    return undefined;
  }
  return hash.digest('hex');
}

async function knownBundles(cache: SourceCache, key: string, order: BundleOrder): Promise<Bundle[] | undefined> {
  const text = await cache.get(key);
  if (text === undefined) return undefined;
  try {
    const { questions, bundles } = cached.parse(JSON.parse(text));
    for (const asked of questions) if (!(await isAnsweredSo(order, asked))) return undefined;
    return bundles;
  } catch {
    return undefined;
  }
}

/** @throws VivariumError what the order refuses */
const isAnsweredSo = async (order: BundleOrder, asked: Question): Promise<boolean> =>
  'hash' in asked ? hashOf(await order.load(asked.name)) === asked.hash : order.resolve(asked.importer, asked.specifier) === asked.name;

/** Notes what is asked, and what was answered. */
class RecordedOrder implements BundleOrder {
  readonly questions: Question[] = [];
  /** Nothing was refused. */
  answered = true;
  readonly #order: BundleOrder;

  constructor(order: BundleOrder) {
    this.#order = order;
  }

  get entries(): readonly string[] {
    return this.#order.entries;
  }

  resolve(importer: string, specifier: string): string {
    try {
      const name = this.#order.resolve(importer, specifier);
      this.questions.push({ importer, specifier, name });
      return name;
    } catch (error) {
      this.answered = false;
      throw error;
    }
  }

  async load(name: string): ReturnType<BundleOrder['load']> {
    try {
      const loaded = await this.#order.load(name);
      this.questions.push({ name, hash: hashOf(loaded) });
      return loaded;
    } catch (error) {
      this.answered = false;
      throw error;
    }
  }
}

const hashOf = ({ text, loader }: Awaited<ReturnType<BundleOrder['load']>>): string => createHash('sha256').update(`${loader}\n${text}`).digest('hex');

let version: string | undefined;

/** The version of esbuild, and the program that calls it with its options. */
function bundlerVersion(): string {
  version ??= createHash('sha256')
    .update((createRequire(import.meta.url)('esbuild/package.json') as { readonly version: string }).version)
    .update(readFileSync(fileURLToPath(new URL(`./bundler${path.extname(import.meta.url)}`, import.meta.url))))
    .digest('hex');
  return version;
}
