/** What actors in JavaScript may import of Node's: by these names, with these functions. The same list for the bundler and for the guest. */
export const fileFunctions = [
  'access',
  'appendFile',
  'copyFile',
  'lstat',
  'mkdir',
  'mkdtemp',
  'open',
  'readFile',
  'readdir',
  'rename',
  'rm',
  'rmdir',
  'stat',
  'truncate',
  'unlink',
  'utimes',
  'writeFile',
] as const;

export type FileFunction = (typeof fileFunctions)[number];

/**
 * The parameter of the function that a bundle becomes: gives the modules that the bundle imports. No name that an author would
 * think of; and esbuild renames what an author calls so where a module is imported.
 */
export const modulesParameter = 'vivarium$module';

/** What {@link modulesParameter} is asked for. */
export const filesModule = 'files';
