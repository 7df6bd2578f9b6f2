import { expect, it } from 'vitest';
import { type ActorSource, loadJavaScriptTogether, loadSource, openBase } from '../../host/sources/index.ts';
import { makeFolder } from '../support/folder.ts';

const inline = (name: string, code: string): ActorSource => ({ name, runtime: 'javascript', code });

const sound = Array.from({ length: 40 }, (_, place) =>
  inline(
    `sound${place}`,
    `interface Order { n: number }\nconst factor: number = ${place};\nexport const handle = ({ n }: Order) => { if (n === -0) throw 1; return n * factor; };`,
  ),
);

it('makes of actors that are bundled together what it makes of each alone', async () => {
  const base = openBase(makeFolder({}));
  const together = await loadJavaScriptTogether(sound, base);
  expect([...together.keys()]).toEqual(sound);
  for (const actor of sound.slice(0, 3)) expect(together.get(actor)).toEqual(await loadSource(actor, base));
  expect(together.get(sound[7] as ActorSource)?.code).toContain('factor = 7');
});

it('tells warnings of the actor that they are about alone', async () => {
  const warned = inline('warned', 'export const handle = (n: number) => n === -0;');
  const together = await loadJavaScriptTogether([sound[0] as ActorSource, warned], openBase(makeFolder({})));
  expect(together.get(warned)?.warnings).toHaveLength(1);
  expect(together.get(sound[0] as ActorSource)?.warnings).toHaveLength(1);
  expect(together.get(warned)?.warnings[0]).toContain('warned.inline.ts:1:');
  expect(together.get(sound[0] as ActorSource)?.warnings[0]).toContain('sound0.inline.ts:3:');
});

it('leaves out who is wrong, imports something or could, and none of the others', async () => {
  const odd = [
    inline('broken', 'export const handle = ('),
    inline('commonJs', 'module.exports = { handle: () => 1 };'),
    inline('importing', "import './other.ts'; export const handle = () => 1;"),
    inline('hidden', 'export const handle = () => i\\u006dport("./other.ts");'),
  ];
  const together = await loadJavaScriptTogether([...odd, ...sound], openBase(makeFolder({ 'other.ts': 'export const other = 1;' })));
  expect(new Set(together.keys())).toEqual(new Set(sound));
});
