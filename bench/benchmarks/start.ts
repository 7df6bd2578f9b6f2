/**
 * From `deploy` to the first answer of an actor that the host has never seen, in a cell that is ready: what is measured is what comes
 * on top of the start of a cell. Its source is read, bundled or checked, its policy decided, its isolate made. And the first
 * answer of one in a cell where others have started (warm), and of one that was hibernated (woken), from the message that starts it.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Flow, Host, ManifestObject } from '../../host/index.ts';
import { type Measured, openHost, type Options } from '../benchmark.ts';
import { counters, deploy, type Language, languageNames, languages, line, plugin } from '../flows.ts';
import { beside, type Beside } from '../peers/peers.ts';
import { settle } from '../processor.ts';
import { say } from '../progress.ts';
import { type Figure, figureOf } from '../report.ts';
import { milliseconds, repeat } from '../timing.ts';

export const summary = 'from deploy to the first answer, above the start of a cell: milliseconds';

const cold = { javascript: { atMost: 10 }, python: { atMost: 500 }, wasm: { atMost: 15 } } as const;
/** A cell keeps isolates ready. */
const warm = { javascript: { atMost: 3 }, python: { atMost: 20 }, wasm: { atMost: 4 } } as const;
const woken = { javascript: { atMost: 5 }, python: { atMost: 200 }, wasm: { atMost: 10 } } as const;
/** Milliseconds without a message after which an actor is hibernated here: the least that may be. */
const idle = 100;

/** A source that differs from all before, and does the same. @param folder where modules are written */
const distinct: Readonly<Record<Language, (folder: string, number: number) => ManifestObject['actors'][string]>> = {
  javascript: (_, number) => ({ ...counters.javascript, code: `${counters.javascript.code}\nexport const number = () => ${number};` }),
  python: (_, number) => ({ ...counters.python, code: `${counters.python.code}\nnumber = ${number}\n` }),
  wasm: (folder, number) => {
    // A custom section of the name `n` with four bytes of content.
    const section = Buffer.from([0, 6, 1, 'n'.charCodeAt(0), 0, 0, 0, 0]);
    section.writeUInt32LE(number, 4);
    const source = join(folder, `actor${number}.wasm`);
    writeFileSync(source, Buffer.concat([readFileSync(plugin), section]));
    return { source };
  },
};

const peers: Readonly<Record<Language, (options: Options) => Promise<Beside[]>>> = {
  javascript: async ({ repetitions }) => [
    await beside('worker threads', { task: 'start', repetitions }),
    await beside('bare isolates', { task: 'start', repetitions }),
  ],
  python: async () => [await beside('plain Pyodide', { task: 'start' })],
  wasm: async ({ repetitions }) => [await beside('plain Extism', { task: 'start', plugin, repetitions })],
};

async function firstAnswer(host: Host, actor: ManifestObject['actors'][string], base: string): Promise<number> {
  await settle();
  let answer: unknown;
  const time = await milliseconds(async () => {
    const flow = await host.deploy(line([actor]), { base });
    answer = await flow.ask('in' as never, { n: 1 });
  });
  await host.flow('line')?.stop();
  if (typeof (answer as { n?: unknown } | undefined)?.n !== 'number') throw new Error(`the answer is ${JSON.stringify(answer)}`);
  return time;
}

/** The first answers of actors that were deployed and have not started, one after the other, in a cell where another has. */
async function warmAnswers(language: Language, folder: string, options: Options): Promise<number[]> {
  await using host = await openHost();
  const names = Array.from({ length: 2 + options.repetitions }, (_, index) => `a${index}`);
  const actors = Object.fromEntries(names.map((name, index) => [name, distinct[language](folder, index)]));
  await using flow = await deploy(host, { vivarium: 1, actors }, { base: folder, start: 'message' });
  const times: number[] = [];
  for (const name of names) {
    times.push(await milliseconds(() => flow.actor(name).ask({ n: 1 })));
    await settle();
  }
  // The first two warm up.
  return times.slice(2);
}

/** The first answer of an actor that has been hibernated. */
async function wokenAnswer(flow: Flow): Promise<number> {
  while (flow.status().actors.some(({ state }) => state !== 'asleep')) await new Promise((resolve) => setTimeout(resolve, idle));
  return await milliseconds(() => flow.ask('in', { n: 1 }));
}

async function wakes(language: Language, options: Options): Promise<number[]> {
  await using host = await openHost({ idle });
  await using flow = await deploy(host, line([counters[language]]));
  await flow.ask('in', { n: 1 });
  return await repeat(options.repetitions, () => wokenAnswer(flow));
}

export async function measure(options: Options): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-bench-'));
  const figures: Figure[] = [];
  let number = 0;
  try {
    await using host = await openHost();
    for (const language of languages) {
      say(`start: ${language}`);
      const times = await repeat(options.repetitions, () => firstAnswer(host, distinct[language](folder, ++number), folder));
      const seen = distinct[language](folder, number);
      const again = await repeat(options.repetitions, () => firstAnswer(host, seen, folder));
      const others = (await peers[language](options)).map((other) => other('time'));
      figures.push(
        figureOf(`${languageNames[language]}, cold`, 'ms', times, { target: cold[language], peers: others }),
        figureOf(`${languageNames[language]}, cold, of a source deployed before`, 'ms', again, { target: cold[language], peers: others }),
        figureOf(`${languageNames[language]}, warm`, 'ms', await warmAnswers(language, folder, options), { target: warm[language], peers: others }),
        figureOf(`${languageNames[language]}, woken`, 'ms', await wakes(language, options), { target: woken[language], peers: others }),
      );
    }
    return { sandbox: host.report().sandbox, figures };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
