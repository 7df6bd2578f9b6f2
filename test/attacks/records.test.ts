/**
 * Attacks on what is ours alone: the records by which a guest's bootstrap reports, contexts, errors that keep their codes, services,
 * generators, timers of turns that have ended, and the functions that Python is lent.
 */
import { expect } from 'vitest';
import { answers, type Attack, attacks, either, fails, handler, type Seen } from './harness.ts';

const number = 'own';

/** Whatever a guest makes of its own reports, its isolate alone pays. */
const cellLives = ({ cells }: Seen): void => expect(cells.map(({ event }) => event)).not.toContain('died');

/** Every message got an answer of its own sender's making, or an error; nothing but the attacker's own outlets was used. */
const python = (title: string, source: string, allowed: Attack['allowed'], rest: Partial<Attack> = {}): Attack => ({
  number,
  title,
  language: 'python',
  source,
  allowed,
  look: cellLives,
  ...rest,
});

const javascript = (title: string, source: string, allowed: Attack['allowed'], rest: Partial<Attack> = {}): Attack => ({
  number,
  title,
  source,
  allowed,
  look: cellLives,
  ...rest,
});

const forgedTurn = `{ id: '1,-2,0,0,0,2', inlet: 0, lane: 0, text: '', execution: '{}', ended: false, messages: -1e9, bytes: -1e9 }`;

const inJavaScript: readonly Attack[] = [
  javascript(
    'the class of contexts is not to be had, so no turn can be invented',
    handler(`
      const told = [];
      for (const Class of [context.constructor, Object.getPrototypeOf(context).constructor]) {
        try { const made = new Class(${forgedTurn}); made.emit('out', 'forged'); told.push('emitted'); } catch (error) { told.push(error.name); }
        try { Object.getPrototypeOf(context).emit.call(Object.create(Object.getPrototypeOf(context)), 'out', 'forged'); told.push('emitted'); } catch (error) { told.push(error.name); }
        try { Reflect.construct(Class, [${forgedTurn}], context.emit).emit('out', 'forged'); told.push('emitted'); } catch (error) { told.push(error.name); }
      }
      return told;
    `),
    answers(Array(6).fill('TypeError')),
  ),
  javascript(
    'a context that was kept speaks for no later turn',
    `let kept; export const handle = async (canary, context) => {
      if (kept === undefined) { kept = context; return 'first'; }
      const told = [];
      for (const act of [() => kept.emit('out', 'forged'), () => kept.services.probe.echo(1), () => kept.ask('neighbour', 1)]) { try { await act(); told.push('did'); } catch (error) { told.push(error.code); } }
      return told;
    };`,
    answers('first'),
    { further: 5 },
  ),
  javascript(
    'a toJSON on every prototype does not speak in the place of the bootstrap',
    handler(`
      const seen = [];
      const speak = function () { seen.push(Object.keys(this).join()); return { is: 'failed', error: { code: 'host.closed', message: 'forged' }, id: -1, turn: 999, level: 'forged', dropped: -5, inlets: {} }; };
      for (const prototype of [Object.prototype, Array.prototype, String.prototype, Number.prototype, Function.prototype]) Object.defineProperty(prototype, 'toJSON', { configurable: true, value: speak });
      setTimeout(() => {}, 0);
      console.log('a line');
      clearTimeout(setTimeout(() => {}, 1000));
      const echoed = await context.services.probe.echo('x').catch((error) => error.code);
      for (const prototype of [Object.prototype, Array.prototype, String.prototype, Number.prototype, Function.prototype]) delete prototype.toJSON;
      return [echoed, seen.filter((keys) => keys.includes('is'))];
    `),
    answers(['x', []]),
    {
      look: (seen) => {
        cellLives(seen);
        expect(seen.logs.map(({ text }) => text)).toContain('a line');
      },
    },
  ),
  javascript(
    'numbers of a delivery are not the guest’s to change',
    `
      const { split } = String.prototype;
      let count = 0;
      export const handle = (canary, context) => {
        const forge = function () { count++; return ['0', '0', '1e9', '0', '0']; };
        Object.defineProperty(String.prototype, Symbol.split, { configurable: true, value: forge });
        String.prototype.slice = String.prototype.indexOf = String.prototype.charCodeAt = String.prototype.split = forge;
        globalThis.Number = forge;
        Object.defineProperty(Array.prototype, 'length', { value: 0 , writable: true });
        return 'whole';
      };`,
    answers('whole'),
    // Its own later messages may come to grief; each is answered.
    { further: 8 },
  ),
  javascript(
    'a species, a constructor or a getter of all typed arrays gets nothing of the bootstrap’s',
    handler(`
      const got = [];
      const typed = Object.getPrototypeOf(Uint8Array.prototype);
      const note = (value) => { const tag = Object.prototype.toString.call(value); if (/Shared/.test(tag)) got.push(tag); };
      for (const key of ['length', 'byteLength', 'byteOffset', 'buffer']) { const { get } = Object.getOwnPropertyDescriptor(typed, key); Object.defineProperty(typed, key, { configurable: true, get() { const value = get.call(this); note(value); return value; } }); }
      Object.defineProperty(Object.getPrototypeOf(Uint8Array), Symbol.species, { configurable: true, get() { return function (...values) { got.push(values.length); return Reflect.construct(Uint8Array, values); }; } });
      const echoed = await context.services.probe.echo(new Uint8Array(20_000).fill(7));
      crypto.getRandomValues(new Uint8Array(4_000));
      return [got, echoed.at(-1)];
    `),
    either(answers([[], 7]), fails('message.invalid', 'message.unsupported', 'actor.failed')),
  ),
  javascript(
    'codes of errors are the host’s to give',
    handler(`
      let caught; try { await context.services.probe.fail(); } catch (error) { caught = error; }
      const { constructor } = Object.getPrototypeOf(caught);
      throw Object.assign(new constructor({ code: 'host.closed', message: 'forged' }), { code: 'cell.died', name: 'VivariumError' });
    `),
    fails('actor.failed'),
  ),
  ...['cell.died', 'host.closed', 'actor.quarantined', 'limit.cpu', 'policy.denied', 'execution.cancelled', 'constructor', '__proto__'].map((code) =>
    javascript(
      `an error with the code ${code} of a guest’s own making`,
      handler(`throw Object.setPrototypeOf(Object.assign(new Error('forged'), { code: '${code}', record: { code: '${code}' } }), null);`),
      fails('actor.failed'),
    ),
  ),
  javascript(
    'an error that the host gave keeps its code, and gets no other',
    handler(`try { await context.services.probe.fail(); } catch (error) { error.code = 'host.closed'; error.message = 'forged'; throw error; }`),
    fails('service.failed'),
  ),
  javascript(
    'names of services that no service has',
    handler(`
      const told = [];
      for (const name of ['x'.repeat(257), 'x'.repeat(1e6), '__proto__', 'constructor', '', '\\u0000', '..', 'a.b.c.d', '\\ud800', 'toString']) {
        for (const call of [() => context.services[name](), () => context.services.probe[name](), () => context.services[name][name](1)]) { try { await call(); told.push('went well'); } catch (error) { told.push(error.code ?? error.name); } }
      }
      return [...new Set(told)].sort();
    `),
    answers(expect.toSatisfy((codes: string[]) => codes.every((code) => ['policy.denied', 'service.unknown', 'message.unsupported'].includes(code)))),
  ),
  javascript(
    'the tree of services as a prototype, a promise and a thing to walk',
    handler(`
      const { services } = context;
      const told = [typeof services.then, typeof services[Symbol.iterator], Object.keys(services).length, 'x' in services, services instanceof Function];
      let at = services; for (let i = 0; i < 5_000; i++) at = at.a;
      try { await at(); told.push('went well'); } catch (error) { told.push(error.code); }
      try { new services.probe.echo(1); told.push('made'); } catch (error) { told.push(error.name); }
      try { Object.setPrototypeOf(services, null); services.evil = 1; Object.defineProperty(services, 'b', { value: 1 }); } catch (error) { told.push(error.name); }
      return [told.length, (await context.services.probe.echo(2))];
    `),
    either(answers([expect.any(Number), 2]), fails('actor.failed')),
  ),
  javascript(
    'outlets and peers by the names of prototypes',
    handler(`
      const told = [];
      for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 0, -1, -4, '0', null, undefined, {}, Symbol.iterator, { toString: () => 'out' }]) {
        for (const use of [() => context.emit(name, 1), () => context.ask(name, 1)]) { try { await use(); told.push(String(name)); } catch (error) { if (typeof error.code !== 'string' && !(error instanceof TypeError)) told.push('odd'); } }
      }
      return told;
    `),
    // The last one calls itself \`out\`, and is.
    answers(1, ['[object Object]'].length === 1 ? expect.anything() : undefined),
  ),
  ...[
    ['next that throws', `({ next() { throw new Proxy({}, {}); }, [Symbol.iterator]() { return this; } })`],
    ['next that gives no object', `({ next: () => 5, [Symbol.iterator]() { return this; } })`],
    ['a result whose done is a getter that throws', `({ next: () => ({ get done() { throw 1; } }), [Symbol.iterator]() { return this; } })`],
    [
      'a result that is a revoked proxy',
      `({ next: () => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy; }, [Symbol.iterator]() { return this; } })`,
    ],
    ['yields that are no messages', `(function* () { yield () => 1; })()`],
    ['a promise of no object', `({ next: async () => undefined, [Symbol.asyncIterator]() { return this; } })`],
    ['a promise that rejects with a proxy', `({ next: async () => { throw new Proxy({}, {}); }, [Symbol.asyncIterator]() { return this; } })`],
  ].map(([title, value]) =>
    javascript(`a generator with ${title}`, `export const handle = () => ${value};`, fails('actor.failed', 'message.unsupported', 'limit.cpu')),
  ),
  javascript(
    'a generator whose return throws, loops and yields when its turn is over',
    `export const handle = (canary, context) => { let n = 0; return { next() { if (n++ > 3) throw new Error('over'); return { done: false, value: n }; }, return() { context.emit('out', 'late'); for (;;); }, throw() { for (;;); }, [Symbol.iterator]() { return this; } }; };`,
    fails('actor.failed'),
  ),
  javascript(
    'a generator that runs itself while it is run',
    `export const handle = (canary, context) => { const self = (function* () { yield 1; self.next(); })(); return self; };`,
    fails('actor.failed'),
  ),
  javascript(
    'timers of a turn that has ended',
    `let count = 0; export const handle = (canary, context) => { if (count++ === 0) { setInterval(() => { try { context.emit('out', 'late'); } catch {} try { context.services.probe.echo(1); } catch {} }, 0); return 'first'; } return new Promise((resolve) => setTimeout(resolve, 30, 'then')); };`,
    answers('first'),
    { further: 3 },
  ),
  javascript(
    'every statement of the bootstrap at the limit of the stack',
    handler(`
      let deepest = 0;
      const dig = (depth) => {
        deepest = Math.max(deepest, depth);
        try { dig(depth + 1); } catch {}
        if (deepest - depth > 60) throw 0;
        try { context.emit('questions', depth); } catch {}
        try { setTimeout(() => {}, 0); } catch {}
        try { console.log(depth); } catch {}
        try { context.services.probe.echo(depth).catch(() => {}); } catch {}
      };
      for (let round = 0; round < 3; round++) { try { dig(0); } catch {} await null; }
      return 'alive';
    `),
    answers('alive'),
    { limits: { cpu: '5s', wall: '10s', outbound: { messages: 100_000 } }, further: 1 },
  ),
  javascript(
    'the same in a continuation, where nothing of ours stands below',
    handler(`
      let left = 0;
      const dig = () => { try { dig(); } catch { left = 60; } if (left-- > 0) context.emit('questions', 1); };
      for (let round = 0; round < 5; round++) { await new Promise((resolve) => setTimeout(resolve, 0)); try { dig(); } catch {} }
      return 'alive';
    `),
    answers('alive'),
    { limits: { cpu: '5s', wall: '10s' } },
  ),
  javascript(
    'what the execution tells is a copy',
    handler(
      `const told = context.execution; told.id = 'forged'; told.parents?.push?.('forged'); try { context.execution = { id: 'forged' }; } catch {} return [context.execution.id === 'forged', context.execution.parents.length];`,
    ),
    answers([false, 0]),
  ),
  javascript(
    'config and environment cannot be made to speak for the host',
    handler(
      `try { context.env.A = 1; } catch {} try { context.log.info = 1; } catch {} return [Object.keys(context.env), typeof context.log.info, Object.isFrozen(context.env)];`,
    ),
    answers([[], 'function', true]),
  ),
];

const lent = 'from vivarium import host, VivariumError\nimport vivarium.actor, vivarium.message, json\n';

/** One result a message, each handed to the host past the codec; none of them is a message. */
const byHand = (what: string, results: readonly (readonly [lane: number, text: string])[]): Attack =>
  python(
    `results that are made by hand: ${what}`,
    `${lent}results = [${results.map(([lane, text]) => `(${lane}, ${text})`).join(', ')}]
number = -1
def handle(canary, context):
    global number
    number += 1
    host.settle(context._turn, *results[number])`,
    fails('message.invalid', 'limit.message'),
    {
      further: results.length - 1,
      look: (seen) => {
        cellLives(seen);
        for (const [place, { errors }] of seen.results.entries()) expect(['message.invalid', 'limit.message'], `${what} ${place}`).toContain(errors[0]?.code);
      },
    },
  );

const inPython: readonly Attack[] = [
  python(
    'outlets that are none, or the codes by which turns end',
    `${lent}def handle(canary, context):
    told = []
    for outlet in [-1, -2, -3, -4, -5, 99, 0.5, float("nan"), float("inf"), 2**70, "0", None, "1,-4,0,0,0,1", [0], True]:
        refused = host.emit(context._turn, outlet, 0, "1")
        told.append(json.loads(refused)["code"] if refused else "sent")
    return told`,
    answers(Array(15).fill('actor.outlet')),
  ),
  python(
    'turns that are not its own',
    `${lent}def handle(canary, context):\n    for turn in range(-3, 60):\n        if turn == context._turn: continue\n        host.settle(turn, 0, '"forged"'); host.settle_with_nothing(turn); host.fail(turn, '{}'); host.answer(turn, 0, '"forged"'); host.emit(turn, 0, 0, '"forged"')\n    return "mine"`,
    answers('mine'),
    { further: 10 },
  ),
  python(
    'turns that are no numbers',
    `${lent}def handle(canary, context):
    for turn in ["x", 1.5, None, 2**64, "1,-2,0,0,0,1", float("inf"), float("nan"), [1], {}, -0.0]:
        for act in [lambda: host.settle(turn, 0, "1"), lambda: host.emit(turn, 0, 0, "1"), lambda: host.fail(turn, "{}"), lambda: host.call(1, turn, "services", "probe.echo", 0, "1", False), lambda: host.execution(turn)]:
            try: act()
            except Exception: pass
    return 1`,
    answers(1),
  ),
  byHand(
    'text',
    ['1,{"pay":9}', '{', '', '[', '"', 'nul', '1 2', '[1],[2]'].map((text) => [0, JSON.stringify(text)] as const),
  ),
  byHand('text that is too much', [
    [0, '"[" * 500_000'],
    [0, '"[" + "[]," * 300_000 + "0]"'],
    [0, '"1" * 100_000'],
    [0, '"\\ud800"'],
  ]),
  byHand('MessagePack', [
    [1, '"\\xdd\\xff\\xff\\xff\\xff"'],
    [1, '"\\x91" * 100_000'],
    [1, '"\\xd4\\x72\\x40\\x91\\xa1x"'],
    [1, '"\\xc7\\x02\\x65\\x00\\x00"'],
    [1, '"\\x81\\x01\\x02"'],
    [1, '"\\x92\\x01"'],
    [1, '"\\x01\\x02"'],
    [1, '"\\u3042" * 10'],
  ]),
  python(
    'a result that is made by hand, with the keys of prototypes',
    `${lent}def handle(canary, context):\n    host.settle(context._turn, 0, '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"a":[]}')`,
    either(answers(expect.toSatisfy((value: object) => !('polluted' in value))), fails('message.invalid')),
  ),
  python(
    'the same for a neighbour that decodes it',
    `${lent}def handle(canary, context):\n    host.emit(context._turn, 2, 0, '1,{"pay":9}'); host.emit(context._turn, 2, 1, "\\xdd\\xff\\xff\\xff\\xff"); host.emit(context._turn, 2, 0, "[" * 500_000)\n    return 1`,
    fails('message.invalid', 'limit.message'),
  ),
  python(
    'failures and raised errors with codes of the host',
    `${lent}codes = ["cell.died", "host.closed", "actor.quarantined", "limit.wall", "execution.cancelled", "no such code"]
number = -1
def handle(canary, context):
    global number
    number += 1
    code = codes[number % len(codes)]
    if number >= len(codes): raise VivariumError._of_host({"code": code, "message": "forged"})
    host.fail(context._turn, json.dumps({"code": code, "message": "forged", "actor": "neighbour", "execution": "another", "line": -5, "stack": "x" * 100_000, "hint": 5}))`,
    fails('actor.failed'),
    {
      further: 11,
      look: (seen) => {
        cellLives(seen);
        for (const { errors } of seen.results) expect(errors).toMatchObject([{ code: 'actor.failed', message: 'forged', actor: 'attacker' }]);
      },
    },
  ),
  python(
    'an error that the host gave, with another code',
    `${lent}def handle(canary, context):\n    try: context.services.probe.fail()\n    except VivariumError as error:\n        error._record = {"code": "host.closed", "message": "forged"}\n        raise`,
    fails('actor.failed', 'service.failed'),
  ),
  python(
    'names of services and actors that nothing has',
    `${lent}def handle(canary, context):\n    told = set()\n    for name in ["x" * 257, "x" * 1_000_000, "__proto__", "", "\\0", "probe.", ".echo", "constructor"]:\n        for call in [lambda: host.call_now(context._turn, "services", name, 0, "1"), lambda: host.ask_now(context._turn, None, name, 0, "1")]:\n            reply = call()\n            told.add(json.loads(reply[1:])["code"] if reply[0] == "!" else reply)\n    return sorted(told)`,
    answers(expect.toSatisfy((codes: string[]) => codes.every((code) => ['actor.unknown', 'policy.denied', 'service.unknown'].includes(code)))),
  ),
  python(
    'inputs of services that are made by hand',
    `${lent}def handle(canary, context):\n    told = set()\n    for lane, text in [(0, "{"), (0, "1,2"), (1, "\\xdd\\xff\\xff\\xff\\xff"), (0, "[" * 100_000), (0, '"' + "x" * 900_000 + '"'), (7, "1"), (None, "1")]:\n        reply = host.call_now(context._turn, "services", "probe.echo", lane, text)\n        told.add(json.loads(reply[1:])["code"] if reply[0] == "!" else "answered")\n    return sorted(told)`,
    answers(expect.toSatisfy((codes: string[]) => codes.every((code) => ['answered', 'limit.message', 'message.invalid', 'service.input'].includes(code)))),
  ),
  python(
    'an input of 100 MB for a service',
    `${lent}def handle(canary, context):\n    return host.call_now(context._turn, "services", "probe.echo", 0, '"' + "x" * 100_000_000 + '"')[:20]`,
    fails('actor.fatal', 'limit.message', 'limit.memory', 'limit.cpu'),
    {},
  ),
  python(
    'sleeps that are no numbers',
    `${lent}def handle(canary, context):\n    for delay in [-1, float("nan"), "x", None, [], 0.5]:\n        try: host.sleep(delay)\n        except Exception: pass\n    return 1`,
    either(answers(1), fails('actor.fatal')),
  ),
  python('a sleep without end', `${lent}def handle(canary, context):\n    host.sleep(1e300)\n    host.sleep(10**9)`, either(fails('limit.wall'))),
  python(
    'timers and calls without end',
    `${lent}def handle(canary, context):\n    for token in range(100_000):\n        host.timer(token, 0, True); host.call(token, context._turn, "services", "probe.never", 0, "1", True); host.room(token); host.log("error", "x")\n    return 1`,
    either(answers(1), fails('limit.cpu', 'limit.wall', 'limit.calls', 'limit.timers')),
  ),
  python(
    'a context with another turn',
    `${lent}from vivarium import Context\ndef handle(canary, context):\n    told = []\n    for turn in [0, -1, context._turn + 1, 10**6]:\n        other = Context(turn)\n        try: other.emit("out", "forged"); told.append(turn)\n        except VivariumError as error: told.append(error.code)\n    return told`,
    answers([0, 'actor.turn-ended', 'actor.turn-ended', 'actor.turn-ended']),
  ),
  python(
    'replaced modules of ours',
    `${lent}import sys, builtins, asyncio\nfirst = True\ndef handle(canary, context):\n    global first\n    if first:\n        first = False\n        for name in ["vivarium", "vivarium.actor", "vivarium.host", "vivarium.message", "vivarium.loop", "vivarium.failure", "vivarium.output", "json", "asyncio"]: sys.modules[name] = None\n        vivarium.actor.deliver = vivarium.actor.encode = vivarium.message.encode = lambda *_: (0, '"forged"')\n        vivarium.actor._handlers[:] = [(lambda m: "replaced", False)]\n        builtins.len = builtins.type = builtins.isinstance = lambda *_: 0\n        asyncio.Task = None\n    return "mine"`,
    either(answers('mine'), answers('forged'), fails('actor.failed', 'actor.fatal', 'message.invalid', 'message.unsupported')),
    { further: 4 },
  ),
  python(
    'ends of turns within turns',
    `${lent}import sys\ndef handle(canary, context):\n    sys.setrecursionlimit(3_000)\n    def dig(depth):\n        try: dig(depth + 1)\n        except RecursionError: pass\n        host.settle(context._turn, 0, '"early"')\n    dig(0)\n    return "late"`,
    either(answers('early'), fails('actor.fatal', 'actor.failed')),
    { further: 4 },
  ),
  python(
    'the shared buffer of synchronous calls does not leak',
    `from pyodide.code import run_js
def handle(canary, context):
    run_js('''
      globalThis.leaked = [];
      const typed = Object.getPrototypeOf(Uint8Array.prototype);
      const buffer = Object.getOwnPropertyDescriptor(typed, 'buffer').get;
      const note = (value) => { if (/Shared/.test(Object.prototype.toString.call(value))) leaked.push('shared'); };
      for (const key of ['length', 'byteLength', 'byteOffset', 'buffer']) {
        const { get } = Object.getOwnPropertyDescriptor(typed, key);
        Object.defineProperty(typed, key, { configurable: true, get() { note(buffer.call(this)); return get.call(this); } });
      }
      for (const Class of [Object.getPrototypeOf(Uint8Array), Uint8Array, Int32Array]) Object.defineProperty(Class, Symbol.species, { configurable: true, get() { return function (...values) { note(values[0]); return Reflect.construct(Uint8Array, values); }; } });
      for (const name of ['set', 'subarray', 'slice', 'fill']) { const method = typed[name]; typed[name] = function (...values) { note(buffer.call(this)); return method.apply(this, values); }; }
    ''')
    told = [context.services.probe.echo("x"), len(context.services.probe.echo("y" * 500_000)), context.ask("neighbour", 1)]
    try: context.services.probe.fail()
    except Exception as error: told.append(error.code)
    return told + [run_js("leaked.length")]`,
    answers(['x', 500_000, 1, 'service.failed', 0]),
  ),
  python(
    'a memory of WebAssembly beside the interpreter’s, by prototypes that lie about the module',
    `import ctypes
def handle(canary, context):
    run = ctypes.CDLL(None).emscripten_run_script_string
    run.restype = ctypes.c_char_p
    return run(b'''(() => {
      const typed = Object.getPrototypeOf(Uint8Array.prototype);
      const told = [];
      const bytes = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 4, 1, 0, 0x80, 0x40, 7, 5, 1, 1, 0x6d, 2, 0]);
      const attempt = (lie) => { const mend = lie(); try { const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {}); told.push('a memory of ' + exports.m.buffer.byteLength); } catch (error) { told.push('refused'); } mend(); };
      const lying = (holder, key, descriptor) => () => { const before = Object.getOwnPropertyDescriptor(holder, key); Object.defineProperty(holder, key, { configurable: true, ...descriptor }); return () => (before ? Object.defineProperty(holder, key, before) : delete holder[key]); };
      attempt(() => () => {});
      for (const key of ['length', 'byteLength']) attempt(lying(typed, key, { get: () => 0 }));
      attempt(lying(typed, 'buffer', { get: () => new ArrayBuffer(8) }));
      attempt(lying(Object.getPrototypeOf(Uint8Array), Symbol.species, { get: () => function () { return new Uint8Array(64); } }));
      attempt(lying(typed, 'slice', { value: () => new Uint8Array(8) }));
      attempt(lying(typed, Symbol.iterator, { value: function* () { yield 0; } }));
      attempt(lying(ArrayBuffer, 'isView', { value: () => false }));
      for (const make of [() => new WebAssembly.Memory({ initial: 1 }), () => new (WebAssembly.Module.prototype.constructor)(bytes), () => new WebAssembly.Table({ initial: 10, element: 'anyfunc' })]) { try { const made = make(); told.push(made instanceof WebAssembly.Module || made?.buffer || made?.length ? 'made' : 'refused'); } catch { told.push('refused'); } }
      return [...new Set(told)].join();
    })()''').decode()`,
    answers('refused'),
  ),
];

attacks('Our own, in JavaScript', inJavaScript);
attacks('Our own, in Python', inPython);
