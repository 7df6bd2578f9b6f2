/** What benchmarks measured: as data with a schema, for `--json`, and as a table for people. */
import { z } from 'zod';
import { sandboxLevels } from '../host/cells/levels.ts';
import { circumstancesSchema } from './circumstances.ts';
import { median } from './timing.ts';

const target = z.union([z.strictObject({ atLeast: z.number() }), z.strictObject({ atMost: z.number() })]);
/** What a figure, or its ratio to a peer, is held against. */
export type Target = z.infer<typeof target>;

const verdict = z.union([z.strictObject({ atLeast: z.number(), reached: z.boolean() }), z.strictObject({ atMost: z.number(), reached: z.boolean() })]);

const peer = z.union([
  z.strictObject({
    name: z.string(),
    /** What it does not do that ours does. */
    lacks: z.string(),
    value: z.number(),
    /** Ours divided by its. */
    ratio: z.number(),
    target: verdict.optional(),
  }),
  z.strictObject({ name: z.string(), lacks: z.string(), /** Why it was not measured. */ absent: z.string() }),
]);

const figure = z.strictObject({
  name: z.string(),
  unit: z.string(),
  /** The median of the repetitions. */
  value: z.number(),
  lowest: z.number(),
  highest: z.number(),
  repetitions: z.int().min(1),
  target: verdict.optional(),
  /** Processor time of host and cells together for each piece of work. */
  processorMicroseconds: z.number().optional(),
  /** The figure as the work went on. */
  curve: z.array(z.strictObject({ /** How much of the work was done. */ at: z.number(), value: z.number() })).optional(),
  peers: z.array(peer),
});
export type Figure = z.infer<typeof figure>;

const result = z.union([
  z.strictObject({ benchmark: z.string(), summary: z.string(), sandbox: z.enum(sandboxLevels), seconds: z.number(), figures: z.array(figure) }),
  z.strictObject({ benchmark: z.string(), summary: z.string(), failed: z.string() }),
]);
export type BenchmarkResult = z.infer<typeof result>;

/** What `npm run bench -- --json` prints. */
export const reportSchema = z.strictObject({
  ...circumstancesSchema.shape,
  /** The part of the usual work that was done: figures mean something at 1 only. */
  scale: z.number(),
  benchmarks: z.array(result),
});
export type Report = z.infer<typeof reportSchema>;

/** What the same work was done with, in the same run. */
export type Peer =
  | { readonly name: string; readonly lacks: string; readonly value: number; readonly target?: Target | undefined }
  | { readonly name: string; readonly lacks: string; readonly absent: string };

export interface FigureDetails {
  readonly target?: Target | undefined;
  readonly peers?: readonly Peer[];
  readonly processorMicroseconds?: number | undefined;
  readonly curve?: Figure['curve'];
}

/** The figure of several repetitions of one measurement. */
export function figureOf(
  name: string,
  unit: string,
  values: readonly number[],
  { target, peers = [], processorMicroseconds, curve }: FigureDetails = {},
): Figure {
  const value = median(values);
  return {
    name,
    unit,
    value,
    lowest: Math.min(...values),
    highest: Math.max(...values),
    repetitions: values.length,
    ...(target !== undefined && { target: judged(value, target) }),
    ...(processorMicroseconds !== undefined && { processorMicroseconds }),
    ...(curve !== undefined && { curve }),
    peers: peers.map((beside) => compared(value, beside)),
  };
}

const judged = (value: number, target: Target) =>
  'atLeast' in target ? { atLeast: target.atLeast, reached: value >= target.atLeast } : { atMost: target.atMost, reached: value <= target.atMost };

function compared(value: number, beside: Peer): Figure['peers'][number] {
  if ('absent' in beside) return beside;
  const ratio = value / beside.value;
  return { name: beside.name, lacks: beside.lacks, value: beside.value, ratio, ...(beside.target !== undefined && { target: judged(ratio, beside.target) }) };
}

/** A benchmark as lines of text: each figure, below it what it is compared with, and at the end what the peers lack. */
export function tableOf(measured: BenchmarkResult): string {
  const head = `${measured.benchmark}: ${measured.summary}\n`;
  if ('failed' in measured) return `${head}  failed: ${measured.failed}\n`;
  const lacks = new Map(measured.figures.flatMap(({ peers }) => peers.map(({ name, lacks }) => [name, lacks] as const)));
  const legend = [...lacks].map(([name, text]) => `  ${name}: ${text}\n`).join('');
  return `${head}${measured.figures.map(lines).join('')}${legend === '' ? '' : `  What the others lack:\n${legend.replaceAll(/^/gm, '  ').trimEnd()}\n`}`;
}

function lines({ name, unit, value, lowest, highest, target, processorMicroseconds, curve = [], peers }: Figure): string {
  const spread = lowest === highest ? '' : `  (${shown(lowest)}–${shown(highest)})`;
  const processor = processorMicroseconds === undefined ? '' : `  ${shown(processorMicroseconds)} µs of processor each`;
  const course = curve.length === 0 ? '' : `${' '.repeat(8)}${curve.map(({ at, value }) => `${shown(value)} at ${shown(at)}`).join(', ')}\n`;
  const beside = peers.map((one) => `${' '.repeat(8)}${'absent' in one ? `     – ${one.name}: ${one.absent}` : ratioText(one)}\n`).join('');
  return `  ${name.padEnd(64)} ${shown(value).padStart(11)} ${unit}${spread}${processor}${verdictText(target)}\n${course}${beside}`;
}

const ratioText = ({ ratio, name, value, target }: Extract<Figure['peers'][number], { ratio: number }>): string =>
  `${shown(ratio).padStart(6)} × ${name} (${shown(value)})${verdictText(target)}`;

function verdictText(held: Figure['target']): string {
  if (held === undefined) return '';
  const wanted = 'atLeast' in held ? `≥ ${shown(held.atLeast)}` : `≤ ${shown(held.atMost)}`;
  return `  [${wanted}: ${held.reached ? 'reached' : 'NOT reached'}]`;
}

const shown = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: value < 1 ? 3 : value < 10 ? 2 : value < 1000 ? 1 : 0 });
