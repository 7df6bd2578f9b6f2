/** An actor on which the foundation is tried: the door when a cell starts, the bootstrap when the snapshot is made. */
import { ofOneWriter, type Settings } from '../guest/wire.ts';
import { defaultLimits } from '../limits.ts';
import type { ActorPlan } from '../protocol.ts';
import { batchHeader } from './records.ts';
import { settingsOf } from './settings.ts';

export const limits = { ...defaultLimits.javascript, start: 500 };

export const plan: ActorPlan = {
  index: 0,
  name: 'trial',
  runtime: 'javascript',
  inlets: ['in'],
  outlets: [
    { name: 'out', local: [], host: true, away: [] },
    { name: 'error', local: [], host: false, away: [] },
  ],
  peers: {},
  config: null,
  environment: {},
  secrets: {},
  services: [],
  mounts: [],
  limits,
  concurrency: 1,
  overflow: 'block',
  functions: {},
  effects: false,
  source: { runtime: 'javascript', file: 'trial.js' },
};

export const settings: Settings = settingsOf(plan, false);

/** A bundle: see `functionBody` of the host. */
export const harmless = 'const handle = (message) => ({ n: message + 1 });\nreturn { handle };';

/** What the door `deliver` is given after the number of a turn: for the first inlet the message `1`, which the host has written, of an execution that is not described. See wire.ts. */
export const oneMessage = [batchHeader(0, ofOneWriter, 0, 1), '\x01\0', '\0\0\0', '{}', '1', 1];
