/** What `vivarium bench` says: a table for people, JSON for programs. */
import type { HostReport } from '../host.ts';
import { escapeText } from '../telemetry/escape.ts';
import type { ActorFigures, Figures, Latency } from './benchFigures.ts';
import { type Load, type OpenFigures, patience } from './benchLoad.ts';
import { counted, table } from './table.ts';

export interface BenchReport {
  readonly load: Load;
  /** Undefined for a closed loop. */
  readonly open: OpenFigures | undefined;
  readonly figures: Figures;
  /** Lines that actors wrote meanwhile. They are not shown. */
  readonly logLines: number;
  readonly endedEarly: string | undefined;
  readonly sandbox: HostReport['sandbox'];
}

/** An actor that has a turn under way for so much of the time holds the flow up; one that is twice as busy as all others, for half as much. */
const bottleneckShare = 0.8;

/** All that was measured ended well. */
export const allWell = ({ figures: { executions, warmUp }, endedEarly }: BenchReport): boolean =>
  endedEarly === undefined && executions.failed + executions.cancelled + warmUp.failed === 0 && executions.completed > 0;

export function benchJson(report: BenchReport): object {
  const { load, open, figures, logLines, endedEarly, sandbox } = report;
  const { seconds, ended, executions, warmUp, latency, errors, actors, samples } = figures;
  const each = (count: number): number => (seconds === 0 ? 0 : rounded(count / seconds));
  return {
    loop: open === undefined ? 'closed' : 'open',
    windowExecutions: load.window,
    messages: load.messages.length,
    seconds: rounded(seconds),
    warmUp: { seconds: load.warmUp, ...warmUp },
    ...(endedEarly === undefined ? {} : { endedEarly }),
    ended,
    perSecond: { inputs: each(ended.inputs), outputs: each(ended.outputs), deliveries: each(ended.deliveries) },
    executions,
    latencyMilliseconds: latency === undefined ? null : latencyJson(latency),
    ...(open === undefined
      ? {}
      : {
          open: {
            inputsPerSecond: open.rate,
            planned: open.planned,
            unsent: open.unsent,
            keptUp: open.keptUp,
            backlogInputs: open.backlog,
            behindMilliseconds: rounded(open.behind),
          },
        }),
    errors: Object.fromEntries([...errors].map(([code, { count, first }]) => [code, { count, first }])),
    actors: Object.fromEntries(actors.map((figures) => [figures.actor, actorJson(figures, seconds)])),
    waitingSamples: samples,
    bottleneck: { actor: bottleneckOf(figures)?.actor ?? null, text: bottleneckText(report) },
    logLines,
    sandbox,
  };
}

export function benchText(report: BenchReport): string {
  const { load, open, figures, logLines, endedEarly, sandbox } = report;
  const { seconds, ended, executions, latency, errors, actors } = figures;
  const each = (count: number): string => String(seconds === 0 ? 0 : Math.round(count / seconds));
  const loop = open === undefined ? `Closed loop, ${counted(load.window, 'execution')} under way` : `Open loop, ${open.rate} inputs a second`;
  const rows: [string, number][] = [
    ['inputs', ended.inputs],
    ['outputs', ended.outputs],
    ['deliveries', ended.deliveries],
  ];
  const lines = [`${loop}: ${seconds.toFixed(2)} s after ${load.warmUp} s of warm-up, at sandbox level ${sandbox}`];
  if (endedEarly !== undefined) lines.push(`  ended early: ${endedEarly}`);
  lines.push(
    '',
    ...table(
      ['', 'a second', 'in all'],
      rows.map(([name, count]) => [name, each(count), String(count)]),
    ),
  );
  if (latency !== undefined) {
    const { p50, p90, p99, p999, maximum } = latency;
    const name = latency.unfinished === 0 ? 'latency' : 'latency, at least';
    lines.push('', ...table([name, 'p50', 'p90', 'p99', 'p99.9', 'max'], [['', ...[p50, p90, p99, p999, maximum].map(millisecondsText)]]));
  }
  lines.push('', ...table(['actor', 'messages', 'mean', 'busy', 'waiting in its cell', 'in the host'], actors.map(actorRow)));
  lines.push('', bottleneckText(report));
  if (open !== undefined) lines.push(planText(open));
  if (executions.failed > 0) lines.push(`${counted(executions.failed, 'execution')} of ${executions.completed + executions.failed} failed:`);
  for (const [code, { count, first }] of errors)
    lines.push(`  ${count} × ${code}, first${first.actor === undefined ? '' : ` at ${first.actor}`}: ${first.message}`);
  if (executions.cancelled > 0) lines.push(`${counted(executions.cancelled, 'execution')} had not ended ${patience / 1000} s later, and were cancelled.`);
  if (figures.warmUp.failed > 0) lines.push(`${counted(figures.warmUp.failed, 'execution')} of the warm-up failed.`);
  if (logLines > 0) lines.push(`${counted(logLines, 'line')} of logs not shown.`);
  return `${escapeText(lines.join('\n'))}\n`;
}

/** The actor that holds the flow up, if there is one. */
const bottleneckOf = ({ actors }: Figures): ActorFigures | undefined => {
  const [busiest, next] = busiestFirst(actors);
  if (busiest === undefined) return undefined;
  const standsOut = busiest.busyShare >= 2 * (next?.busyShare ?? 0);
  return busiest.busyShare >= (standsOut ? bottleneckShare / 2 : bottleneckShare) ? busiest : undefined;
};

const busiestFirst = (actors: readonly ActorFigures[]): readonly ActorFigures[] => actors.toSorted((a, b) => b.busyShare - a.busyShare);

function bottleneckText({ figures, open }: BenchReport): string {
  const [busiest] = busiestFirst(figures.actors);
  if (busiest === undefined || busiest.messages === 0) return 'No turn ended within the time: nothing can be said about a bottleneck.';
  const { actor, waiting } = busiest;
  const busy = `a turn of it was under way for ${percent(busiest.busyShare)} of the time`;
  if (bottleneckOf(figures) !== undefined) {
    const waited = waiting.cell.median + waiting.host.median;
    return `The bottleneck is '${actor}': ${busy}, and ${counted(waited, 'message')} waited for it (median).`;
  }
  const calm = `of '${actor}', the busiest, ${busy.replace(' of it', '')}`;
  if (open?.keptUp === true) return `No actor is a bottleneck at this rate: ${calm}.`;
  return `No actor is the bottleneck: ${calm}. What limits is the way of the messages, or the processors.`;
}

function planText({ rate, backlog, behind, keptUp, unsent }: OpenFigures): string {
  if (keptUp) return `The flow kept up with ${rate} inputs a second.`;
  const left = unsent > 0 ? `, ${unsent} of them never sent` : '';
  return `The flow could not keep up with ${rate} inputs a second: ${backlog.end} were due and not answered at the end (${backlog.half} at half time)${left}. It was ${(behind / 1000).toFixed(2)} s behind.`;
}

const actorRow = ({ actor, messages, busyMilliseconds, busyShare, waiting }: ActorFigures): readonly string[] => [
  actor,
  String(messages),
  messages === 0 ? '–' : microsecondsText((busyMilliseconds * 1000) / messages),
  percent(busyShare),
  `${waiting.cell.median} (max ${waiting.cell.maximum})`,
  `${waiting.host.median} (max ${waiting.host.maximum})`,
];

const actorJson = ({ messages, busyMilliseconds, busyShare, waiting }: ActorFigures, seconds: number): object => ({
  messages,
  messagesPerSecond: seconds === 0 ? 0 : rounded(messages / seconds),
  meanMicroseconds: messages === 0 ? null : rounded((busyMilliseconds * 1000) / messages),
  busyMilliseconds: rounded(busyMilliseconds),
  busyShare: rounded(busyShare),
  waitingMessages: waiting,
});

const latencyJson = ({ count, unfinished, mean, p50, p90, p99, p999, maximum }: Latency): object => ({
  count,
  unfinished,
  mean: rounded(mean),
  p50: rounded(p50),
  p90: rounded(p90),
  p99: rounded(p99),
  'p99.9': rounded(p999),
  maximum: rounded(maximum),
});

const rounded = (number: number): number => Math.round(number * 1000) / 1000;
const percent = (share: number): string => `${Math.round(share * 100)} %`;
const millisecondsText = (milliseconds: number): string => `${milliseconds < 10 ? milliseconds.toFixed(2) : milliseconds.toFixed(1)} ms`;
const microsecondsText = (microseconds: number): string => (microseconds < 1000 ? `${microseconds.toFixed(1)} µs` : `${(microseconds / 1000).toFixed(2)} ms`);
