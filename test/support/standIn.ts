/** Small programs in the place of the cell: they speak its protocol and do what a cell must not do. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { SandboxLevel } from '../../host/cells/levels.ts';
import { type CellExit, type CellOptions, CellProcess } from '../../host/cells/process.ts';
import { detectSandbox } from '../../host/cells/sandbox.ts';
import type { CellMessage } from '../../runtimes/protocol.ts';

/** What every stand-in can use: `frame`, `send`, `ready`, `say` (a value to the test), `received` (one call a frame of the host). */
const prelude = `
'use strict';
const fs = require('node:fs');
const channel = new (require('node:net').Socket)({ fd: 3, readable: true, writable: true });
channel.on('error', () => {});
const frame = (header, ...payloads) => {
  const text = Buffer.from(JSON.stringify(header));
  const head = Buffer.alloc(8);
  head.writeUInt32LE(4 + text.length + payloads.reduce((sum, payload) => sum + payload.length, 0), 0);
  head.writeUInt32LE(text.length, 4);
  return Buffer.concat([head, text, ...payloads]);
};
const send = (header, ...payloads) => channel.write(frame(header, ...payloads));
const ready = () => send({ type: 'ready', version: 4, node: process.versions.node, denied: {}, environment: Object.keys(process.env), boot: 0 });
const say = (value) => send({ type: 'log', lines: [{ actor: 0, execution: 0, level: 'info', text: JSON.stringify(value), dropped: 0 }] });
const attempt = (act) => { try { return act() ?? 'done'; } catch (error) { return error.code ?? error.message; } };
const received = (take) => {
  let bytes = Buffer.alloc(0);
  channel.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 8 && bytes.length >= 4 + bytes.readUInt32LE(0)) {
      const size = 4 + bytes.readUInt32LE(0), header = 8 + bytes.readUInt32LE(4);
      take(JSON.parse(bytes.subarray(8, header)), bytes.subarray(header, size));
      bytes = bytes.subarray(size);
    }
  });
};
const dieWithHost = () => channel.on('close', () => process.kill(process.pid, 'SIGKILL'));
`;

/** Writes a stand-in into a folder of its own, which goes when the test ends. */
export function writeStandIn(body: string): { readonly folder: string; readonly entry: string } {
  const folder = mkdtempSync(join(tmpdir(), 'stand-in-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'cell.cjs'), prelude + body);
  return { folder, entry: 'cell.cjs' };
}

export interface StandIn {
  readonly cell: CellProcess;
  readonly exit: Promise<CellExit>;
  readonly messages: readonly CellMessage[];
  readonly payloads: readonly Buffer[];
  /** The next value that the stand-in says; fails when it ends instead. */
  said(): Promise<unknown>;
}

/** Starts a stand-in; it is killed when the test ends. */
export async function startStandIn(level: SandboxLevel, body: string, options: Partial<CellOptions> = {}): Promise<StandIn> {
  const sandbox = await detectSandbox();
  const messages: CellMessage[] = [];
  const payloads: Buffer[] = [];
  const values: unknown[] = [];
  const waiting: PromiseWithResolvers<unknown>[] = [];
  const exit = Promise.withResolvers<CellExit>();
  const cell = CellProcess.spawn({
    sandbox,
    level,
    ...writeStandIn(body),
    onMessage(message, pieces) {
      messages.push(message);
      payloads.push(...pieces);
      if (message.type !== 'log') return;
      const value: unknown = JSON.parse(message.lines[0]?.text ?? '');
      const waiter = waiting.shift();
      if (waiter === undefined) values.push(value);
      else waiter.resolve(value);
    },
    onExit(reached) {
      exit.resolve(reached);
      for (const waiter of waiting) waiter.reject(new Error(`it ended: ${JSON.stringify(reached)}`));
    },
    ...options,
  });
  onTestFinished(async () => {
    cell.kill();
    await exit.promise;
  });
  const said = (): Promise<unknown> => {
    if (values.length > 0) return Promise.resolve(values.shift());
    const waiter = Promise.withResolvers<unknown>();
    waiting.push(waiter);
    return waiter.promise;
  };
  return { cell, exit: exit.promise, messages, payloads, said };
}
