/**
 * Escapes from Python that are known to work where Pyodide runs beside a Node realm (controls.test.ts shows that they do). Each gets at
 * what the message names as canary, and answers `contained` only if it got nothing.
 */
export interface Escape {
  readonly number: number;
  readonly title: string;
  readonly source: string;
}

/** What JavaScript finds that should not be there: the variable of the host, a program that runs, a file that is read. */
const loot = (canary: string): string => `(() => {
  const found = [];
  const look = (root) => {
    for (const get of [
      () => root.process.env[${canary}.variable],
      () => root.process.versions.node,
      () => root.process.mainModule.require('fs').readFileSync(${canary}.file, 'utf8'),
      () => root.process.getBuiltinModule('fs').readFileSync(${canary}.file, 'utf8'),
      () => root.require('child_process').execSync('id').toString(),
      () => root.Deno.version,
      () => typeof root.fetch === 'function' ? 'fetch' : undefined,
    ]) { try { const value = get(); if (value !== undefined) found.push(String(value)); } catch {} }
  };
  look(globalThis);
  look((0, eval)('this'));
  look(Function('return this')());
  look((async () => {}).constructor('return this') && globalThis);
  return found.length === 0 ? 'contained' : found.join(' ');
})()`;

const inPython = (body: string, before = ''): string => `import json\n${before}\ndef handle(canary, context):\n${body.replaceAll(/^/gm, '    ')}`;

const script = `SCRIPT = ${JSON.stringify(loot('CANARY'))}.replace("CANARY", json.dumps({"variable": canary["variable"], "file": canary["file"]}))`;

export const escapes: readonly Escape[] = [
  {
    number: 103,
    title: 'a shell by ctypes',
    source: inPython(
      `library = ctypes.CDLL(None)
got = []
for name in ["system", "execl", "popen", "fork", "dlopen", "open"]:
    try: function = getattr(library, name)
    except AttributeError: continue
    try:
        path = (canary["file"] + ".touched").encode()
        if name == "system":
            if function(b"touch " + path) == 0: got.append("system")
        elif name == "fork":
            if function() == 0: got.append("fork")
        elif name == "open":
            if function(canary["file"].encode(), 0) >= 0: got.append("open")
    except BaseException: pass
return "contained" if not got else " ".join(got)`,
      'import ctypes',
    ),
  },
  ...['emscripten_run_script_string', 'emscripten_run_script', 'emscripten_run_script_int'].map(
    (name): Escape => ({
      number: 104,
      title: `JavaScript by ctypes: ${name}`,
      source: inPython(
        `${script}
library = ctypes.CDLL(None)
try: function = getattr(library, "${name}")
except AttributeError: return "contained"
${name.endsWith('string') ? 'function.restype = ctypes.c_char_p\ngot = function(SCRIPT.encode())\nreturn got.decode() if got else "contained"' : `function(("globalThis.told = " + SCRIPT).encode())\nfrom pyodide.code import run_js\nreturn run_js("globalThis.told ?? 'contained'")`}`,
        'import ctypes',
      ),
    }),
  ),
  { number: 105, title: 'JavaScript by pyodide.code.run_js', source: inPython(`${script}\nreturn run_js(SCRIPT)`, 'from pyodide.code import run_js') },
  {
    number: 105,
    title: 'JavaScript by js.eval and js.Function',
    source: inPython(
      `${script}\nfirst = js.eval(SCRIPT)\nsecond = js.Function.new("return " + SCRIPT)()\nreturn first if first != "contained" else second`,
      'import js',
    ),
  },
  {
    number: 106,
    title: 'JavaScript by the constructors of proxies',
    source: inPython(
      `${script}
told = []
for root in [pyodide_js, pyodide_js._module, pyodide_js._api, pyodide_js.FS, pyodide_js.toPy, pyodide_js.globals]:
    for walk in [lambda: root.constructor.constructor, lambda: root.constructor, lambda: root.constructor.constructor.constructor]:
        try: told.append(walk()("return " + SCRIPT)())
        except BaseException: pass
got = [one for one in told if isinstance(one, str) and one != "contained"]
return got[0] if got else "contained"`,
      'import pyodide_js',
    ),
  },
  {
    number: 106,
    title: 'JavaScript by import() and by the loader of Pyodide',
    source: `import json
from pyodide.code import run_js
async def handle(canary, context):
    told = []
    for name in ["node:fs", "fs", "node:child_process", "file://" + canary["file"]]:
        for text in [f"import({json.dumps(name)})", f"Function('return import({json.dumps(name)})')()"]:
            try:
                module = await run_js(text)
                told.append(str(module.readFileSync(canary["file"], "utf8")) if hasattr(module, "readFileSync") else name)
            except BaseException: pass
    return "contained" if not told else " ".join(told)`,
  },
];
