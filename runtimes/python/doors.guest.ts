/** The functions of vivarium/actor.py that are called from here. */
export const doorNames = ['connect', 'load', 'lifecycle', 'deliver', 'deliver_many', 'place', 'reply', 'room', 'cancel', 'idle', 'run_ready', 'fire'] as const;
export type PythonDoors = Record<(typeof doorNames)[number], (...args: (string | number)[]) => unknown>;
