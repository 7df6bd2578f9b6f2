/** Node-RED's own runtime without editor and server: function nodes in a row, fed at the first, counted behind the last. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rate } from '../timing.ts';

export interface Task {
  readonly length: number;
  readonly messages: number;
  readonly repetitions: number;
}

/** As much of the package as is used: it is not there when types are checked. */
interface NodeRed {
  init(server: unknown, settings: object): void;
  start(): Promise<void>;
  stop(): Promise<void>;
  readonly nodes: { getNode(id: string): { receive(message: object): void } | null };
  readonly events: { once(event: 'flows:started', listener: () => void): void };
}

/** Messages on their way at once: as many as a pipe of ours has. */
const window = 4096;
const tab = 'bench';
const nameOf = (index: number): string => `function${index}`;

/** A node that hands what it receives to this program. */
const sink = `module.exports = (RED) => RED.nodes.registerType('bench-sink', function (config) {
  RED.nodes.createNode(this, config);
  this.on('input', (message, send, done) => { RED.settings.benchSink(message); done(); });
});`;
const sinkPage = `<script type="text/javascript">RED.nodes.registerType('bench-sink', { category: 'output', defaults: {}, inputs: 1, outputs: 0 });</script>`;

const flow = (length: number): object[] => [
  { id: tab, type: 'tab', label: tab },
  ...Array.from({ length }, (_, index) => ({
    id: nameOf(index),
    type: 'function',
    z: tab,
    name: '',
    func: 'msg.payload = { n: msg.payload.n + 1 };\nreturn msg;',
    outputs: 1,
    wires: [[index === length - 1 ? 'sink' : nameOf(index + 1)]],
  })),
  { id: 'sink', type: 'bench-sink', z: tab, wires: [] },
];

async function open(folder: string, length: number, received: () => void): Promise<NodeRed> {
  mkdirSync(join(folder, 'nodes'));
  writeFileSync(join(folder, 'nodes/sink.js'), sink);
  writeFileSync(join(folder, 'nodes/sink.html'), sinkPage);
  writeFileSync(join(folder, 'flows.json'), JSON.stringify(flow(length)));
  const red = createRequire(import.meta.url)('node-red') as NodeRed;
  red.init(createServer(), {
    userDir: folder,
    nodesDir: join(folder, 'nodes'),
    flowFile: 'flows.json',
    httpAdminRoot: false,
    httpNodeRoot: false,
    benchSink: received,
    logging: { console: { level: 'off' } },
  });
  const started = new Promise<void>((resolve) => red.events.once('flows:started', resolve));
  await red.start();
  await started;
  return red;
}

export async function measure({ length, messages, repetitions }: Task): Promise<Record<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-bench-'));
  let received = (): void => {};
  try {
    const red = await open(folder, length, () => received());
    const first = red.nodes.getNode(nameOf(0));
    if (first === null) throw new Error('Node-RED has not started its flow');
    const drive = (): Promise<void> =>
      new Promise((resolve) => {
        let sent = 0;
        let done = 0;
        const send = (): void => first.receive({ payload: { n: sent++ } });
        received = () => {
          done++;
          if (done === messages) resolve();
          else if (sent < messages) send();
        };
        while (sent < Math.min(window, messages)) send();
      });
    const measured = await rate(repetitions, messages * length, drive);
    await red.stop();
    return { rate: measured };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
