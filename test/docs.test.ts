/**
 * Holds the documentation to what is true: what it shows runs and prints what it says, what it quotes of manifests and
 * policies is valid, and its links lead somewhere. How blocks are marked is told in CONTRIBUTING.md.
 */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, globSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { checkCommand } from '../host/cli/check.ts';
import { doctorCommand } from '../host/cli/doctor.ts';
import { runCommand } from '../host/cli/run.ts';
import { formatDiagnostics, parseManifest } from '../host/manifest/index.ts';
import { parsePolicy } from '../host/policy/index.ts';
import { comparison } from './support/expectedText.ts';
import { makeFolder } from './support/folder.ts';
import { type CodeBlock, codeBlocks, fileMark } from './support/markdown.ts';

const root = path.join(import.meta.dirname, '..');
const names = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md', 'test/**/*.md'], { cwd: root }).sort();
const pages = names.map((name) => {
  const markdown = readFileSync(path.join(root, name), 'utf8');
  return { name, markdown, blocks: codeBlocks(markdown) };
});

const runs = ({ marks }: CodeBlock): boolean => marks.includes('run');

describe('what the pages show runs, and prints what they say', () => {
  const running = pages.filter(({ blocks }) => blocks.some(runs));

  test('the README and every guide show something that runs', () => {
    const guides = names.filter((name) => name.startsWith('docs/guides/'));
    expect(running.map(({ name }) => name)).toEqual(expect.arrayContaining(['README.md', ...guides]));
  });

  test.for(running)('$name', { timeout: 180_000 }, async ({ name, blocks }) => {
    const folder = userFolder();
    for (const [index, block] of blocks.entries()) {
      const file = fileMark(block);
      if (file !== undefined) write(folder, file, block.text);
      if (!runs(block)) continue;
      const place = `${name}:${block.line}`;
      if (block.language === 'console') await runConsole(folder, block, place);
      else await runProgram(folder, block, blocks[index + 1], place);
    }
  });
});

test('programs and actors in TypeScript are well typed', { timeout: 120_000 }, async () => {
  const folder = userFolder();
  const shown = ({ language, marks }: CodeBlock): boolean => language === 'ts' && marks.length > 0;
  for (const { name, blocks } of pages) {
    // AssemblyScript has types of its own.
    const typed = blocks.filter((block) => shown(block) && fileMark(block)?.startsWith('assembly/') !== true);
    for (const block of typed) write(folder, path.join('pages', name, fileMark(block) ?? `block-${block.line}.ts`), block.text);
  }
  const { compilerOptions } = JSON.parse(readFileSync(path.join(root, 'tsconfig.json'), 'utf8')) as { compilerOptions: Record<string, unknown> };
  write(folder, 'tsconfig.json', JSON.stringify({ include: ['pages'], compilerOptions: { ...compilerOptions, noEmit: true } }));
  expect(await run(folder, process.execPath, ['node_modules/typescript/bin/tsc'])).toEqual({ exit: 0, output: '' });
});

/** A block of a program; the block after it, marked `output`, is what it prints. */
async function runProgram(folder: string, block: CodeBlock, following: CodeBlock | undefined, place: string): Promise<void> {
  const file = fileMark(block) ?? `block-${block.line}.ts`;
  write(folder, file, block.text);
  const { exit, output } = await run(folder, process.execPath, [file]);
  const expected = following?.marks.includes('output') === true ? following.text : '';
  const { actual, wanted } = comparison(output, expected);
  expect({ exit, output: actual }, place).toEqual({ exit: 0, output: wanted });
}

/** Commands after `$ `, each with what it prints on either stream, whatever it exits with. */
async function runConsole(folder: string, block: CodeBlock, place: string): Promise<void> {
  for (const step of block.text.split(/^\$ /m).slice(1)) {
    const [command = '', ...output] = step.split('\n');
    const { actual, wanted } = comparison((await run(folder, 'bash', ['-c', `{ ${command}\n} 2>&1`])).output, output.join('\n'));
    expect({ command, output: actual }, place).toEqual({ command, output: wanted });
  }
}

async function run(folder: string, program: string, args: readonly string[]): Promise<{ exit: number | null; output: string }> {
  const bin = path.join(folder, '.bin');
  const child = spawn(program, args, {
    cwd: folder,
    env: { PATH: `${bin}:${process.env['PATH']}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = new Promise<number | null>((resolve) => {
    child.on('close', resolve);
  });
  const [exit, stdout, stderr] = await Promise.all([closed, text(child.stdout), text(child.stderr)]);
  return { exit, output: stdout + stderr };
}

/** The folder of somebody who has installed Vivarium: packages beside it in `node_modules`, commands in the PATH. */
function userFolder(): string {
  const folder = makeFolder({
    'package.json': '{ "type": "module" }\n',
    '.bin/vivarium': `#!/bin/sh\nexec "${process.execPath}" "${path.join(root, 'dist/host/cli/main.js')}" "$@"\n`,
    '.bin/npx': '#!/bin/sh\nexec "$@"\n',
  });
  for (const command of ['vivarium', 'npx']) chmodSync(path.join(folder, '.bin', command), 0o755);
  mkdirSync(path.join(folder, 'node_modules'));
  for (const name of readdirSync(path.join(root, 'node_modules'))) symlinkSync(path.join(root, 'node_modules', name), path.join(folder, 'node_modules', name));
  symlinkSync(root, path.join(folder, 'node_modules/vivarium'));
  for (const command of ['asc']) symlinkSync(path.join(root, 'node_modules/.bin', command), path.join(folder, '.bin', command));
  return folder;
}

function write(folder: string, file: string, content: string): void {
  const target = path.join(folder, file);
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, content);
}

describe('what the pages quote is valid', () => {
  const quoted = pages.flatMap(({ name, blocks }) =>
    blocks.filter(({ language }) => language === 'yaml').map((block) => ({ ...block, place: `${name}:${block.line}` })),
  );

  test('there is something to hold', () => {
    expect(quoted.length).toBeGreaterThan(10);
  });

  test.for(quoted)('$place', ({ text: yaml, place }) => {
    const { diagnostics } = /^vivarium:/m.test(yaml) ? parseManifest(yaml, place) : parsePolicy(yaml, place);
    expect(formatDiagnostics(diagnostics)).toBe('');
  });
});

describe('links lead somewhere', () => {
  test.for(pages)('$name', ({ name, markdown }) => {
    const dead = [...markdown.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/\]\((?!https?:)([^)\s#]*)(#[^)\s]+)?\)/g)].filter(([, target = '', anchor]) => {
      const file = path.resolve(root, path.dirname(name), target === '' ? path.basename(name) : target);
      if (!existsSync(file)) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(file, 'utf8')).includes(anchor.slice(1));
    });
    expect(dead.map(([link]) => link)).toEqual([]);
  });
});

describe('what the pages name is there', () => {
  test.for(pages)('the paths in $name', ({ markdown }) => {
    const named = [...markdown.matchAll(/`((?:sdk|runtimes|host|test|examples|docs|bench|sandbox-policies)\/[\w./-]*)`/g)].map(([, file = '']) => file);
    expect(named.filter((file) => !existsSync(path.join(root, file)))).toEqual([]);
  });

  test('the reference of the API has every function that the package exports', async () => {
    const api = readFileSync(path.join(root, 'docs/reference/api.md'), 'utf8');
    const functions = Object.keys(await import('../host/index.ts'));
    expect(functions.filter((name) => !new RegExp(`\\b${name}\\b`).test(api))).toEqual([]);
  });

  test('the reference of the command line has every option of every command', () => {
    const reference = readFileSync(path.join(root, 'docs/reference/command-line.md'), 'utf8');
    for (const { name, options } of [runCommand, checkCommand, doctorCommand]) {
      expect(reference).toContain(`## \`vivarium ${name}`);
      for (const { flags } of options) expect(reference.toLowerCase(), name).toContain(`\`${flags.replaceAll(/[<>]/g, '')}\``);
    }
  });
});

/** As GitHub makes them of headings. */
const anchorsOf = (markdown: string): string[] =>
  [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
