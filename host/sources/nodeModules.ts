/** The modules of Node that a guest has. Their text takes the functions from what the guest's bootstrap hands to the bundle. */
import { fileFunctions, filesModule, modulesParameter } from '../../runtimes/modules.ts';

const files = `const files = ${modulesParameter}(${JSON.stringify(filesModule)});\n`;

const promises = `${files}export const { constants, ${fileFunctions.join(', ')} } = files;\nexport default files;\n`;
const whole = `${files}export const promises = files;\nexport const { constants } = files;\nexport default { constants, promises };\n`;

const modules: Readonly<Record<string, string>> = { 'node:fs/promises': promises, 'node:fs': whole };

/** The module that a specifier means, with or without `node:`; undefined if guests have none such. */
export const nodeModule = (specifier: string): string | undefined => {
  const name = specifier.startsWith('node:') ? specifier : `node:${specifier}`;
  return Object.hasOwn(modules, name) ? name : undefined;
};

export const nodeModuleText = (name: string): string | undefined => (Object.hasOwn(modules, name) ? modules[name] : undefined);
