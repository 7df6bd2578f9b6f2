/**
 * Loads isolated-vm by `process.dlopen`: its own loader looks at files that the permission model denies,
 * and a module found on disk after the drop could not be loaded at all.
 */
import { constants } from 'node:os';
import type ivm from 'isolated-vm';

export type IsolatedVm = typeof ivm;

export function loadAddon(path: string): IsolatedVm {
  const module: { exports: { ivm?: IsolatedVm } } = { exports: {} };
  process.dlopen(module, path, constants.dlopen.RTLD_LAZY);
  if (module.exports.ivm === undefined) throw new Error('isolated-vm did not load');
  return module.exports.ivm;
}
