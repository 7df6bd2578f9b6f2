/** The presets that come with Vivarium: the files of sandbox-policies/. */
import { existsSync, readdirSync } from 'node:fs';
import nodePath from 'node:path';

const presetPattern = /^[a-z][a-z0-9-]*$/;

/** A preset is named by a bare word; everything else is the path of a file. */
export const isPresetName = (reference: string): boolean => presetPattern.test(reference);

/** The folder of the presets, beside the code it came with, built or not. */
export const presetFolder = (): string => {
  let folder = import.meta.dirname;
  while (!existsSync(nodePath.join(folder, 'sandbox-policies', 'pure.yaml'))) {
    const parent = nodePath.dirname(folder);
    if (parent === folder) throw new Error('The folder sandbox-policies of Vivarium is missing.');
    folder = parent;
  }
  return nodePath.join(folder, 'sandbox-policies');
};

export const presetNames = (): readonly string[] =>
  readdirSync(presetFolder())
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length))
    .sort();
