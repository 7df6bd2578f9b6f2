/** An actor on which the foundation is tried: the door when a cell starts, the bootstrap when the snapshot is made. */
import type { Settings } from '../guest/wire.ts';
import { defaultLimits } from '../limits.ts';

export const limits = { ...defaultLimits.javascript, start: 500 };

export const settings: Settings = {
  runtime: 'javascript',
  actor: 'trial',
  inlets: ['in'],
  outlets: ['out', 'error'],
  peers: [],
  functions: {},
  config: null,
  environment: {},
  secrets: {},
  services: [],
  mounts: [],
  limits,
  concurrency: 1,
  prompt: false,
};

/** A bundle: see `functionBody` of the host. */
export const harmless = 'const handle = (message) => ({ n: message + 1 });\nreturn { handle };';

/** To the first inlet the message `1`, of an execution that is not described: see wire.ts. */
export const oneMessage = [1, '\0\0\x01', '\x01\0', '\0\0\0', '{}', '1', 1];
