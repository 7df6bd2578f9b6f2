/** What else the same work can be done with. Each peer is measured in a process of its own, in the same run as ours. */
import { join } from 'node:path';
import { measureApart } from '../apart.ts';
import type { Peer, Target } from '../report.ts';
import { whyNotInstalled } from './install.ts';

interface Description {
  readonly file: string;
  readonly lacks: string;
  /** It comes from the packages in this folder, which are installed when they are first needed. */
  readonly installed?: true;
}

const thread = 'no sandbox: a thread of the same process, with its files and its network; no policy, no limits but of its heap';

const isolate = 'isolated-vm alone: no process around it, no time limit, no routing, no policy';

const peers = {
  'worker threads': { file: 'workers.ts', lacks: thread },
  'worker threads, batched': { file: 'workers.ts', lacks: `${thread}; 256 messages in each postMessage, as no program is written by hand` },
  'bare isolates': { file: 'isolates.ts', lacks: `${isolate}; 256 messages in each call` },
  'copies of a bare isolate': { file: 'isolates.ts', lacks: `${isolate}; what goes in comes out unread, 256 KiB of messages in each call` },
  'plain Extism': { file: 'extism.ts', lacks: 'in Node itself: no isolate, no time limit, no bound of memory' },
  'bare Extism in an isolate': { file: 'extismInIsolate.ts', lacks: 'calls that never leave the isolate: no messages, no encoding, no limits' },
  'bare Extism in three isolates': { file: 'extismInIsolate.ts', lacks: 'the same in three threads at once' },
  'plain Pyodide': { file: 'pyodide.ts', lacks: 'in Node itself: Python reaches everything that the process can; no time limit' },
  'QuickJS in WASM': {
    file: 'quickjs.ts',
    lacks: 'one thread, no process of its own, an interpreter without a compiler; no routing, no policy',
    installed: true,
  },
  'Node-RED': { file: 'nodeRed.ts', lacks: 'no sandbox: its function nodes run in `node:vm`; no limits, no policy', installed: true },
} as const satisfies Record<string, Description>;
export type PeerName = keyof typeof peers;

/** One of the things that a peer measured, as it stands beside a figure of ours. */
export type Beside = (what: string, target?: Target) => Peer;

/** Has a peer do its task. @throws Error if it fails: only what is not installed is left out */
export async function beside(name: PeerName, task: object): Promise<Beside> {
  const { file, lacks, installed }: Description = peers[name];
  const absent = installed === true ? await whyNotInstalled() : undefined;
  if (absent !== undefined) return () => ({ name, lacks, absent });
  const values = await measureApart<Readonly<Record<string, number>>>(join(import.meta.dirname, file), task);
  return (what, target) => {
    const value = values[what];
    if (value === undefined) throw new Error(`${name} has not measured ${what}`);
    return { name, lacks, value, target };
  };
}
