/** Source text that runs twice, among the web globals of a guest and among Node's own, and must tell the same. */

export const urlInputs: readonly (readonly [input: string, base?: string])[] = [
  ['http://example.com'],
  ['HTTP://User:Pa%20ss@EXAMPLE.com:80/a/./b/../c?q=1#h'],
  ['https://example.com:443/'],
  ['https://example.com:8443/?#'],
  ['  https://example.com/\t\na b  '],
  ['https://exa mple.com/'],
  ['https://example.com/ü?ü=ü#ü'],
  ['https://münchen.example/'],
  ['https://faß.example/'],
  ['https://日本語.example/'],
  ['https://xn--mnchen-3ya.example/'],
  ['http://１９２.１６８.０.１/'],
  ['http://0x7f.1/'],
  ['http://0300.0250.0.01/'],
  ['http://4294967295/'],
  ['http://4294967296/'],
  ['http://256.1.1.1/'],
  ['http://1.2.3.4.5/'],
  ['http://1.2.3.08/'],
  ['http://[::1]:3000/x'],
  ['http://[2001:DB8:0:0:1:0:0:1]/'],
  ['http://[::ffff:10.1.2.3]/'],
  ['http://[fe80::1%25eth0]/'],
  ['http://[1:2:3]/'],
  ['http://[::1'],
  ['http://a%2Eb/'],
  ['http://a%00b/'],
  ['http://a<b/'],
  ['http://%zz/'],
  ['http://example.com:99999/'],
  ['http://example.com:0/'],
  ['http://example.com:/'],
  ['http://example.com:port/'],
  ['http:///example.com/x'],
  ['http:example.com'],
  ['http:\\\\example.com\\a\\b'],
  ['//example.com/x', 'https://base.example/y'],
  ['/x/../../z', 'https://base.example/y/w'],
  ['x', 'https://base.example/y/w?q#h'],
  ['../x?y', 'https://base.example/a/b/c'],
  ['?q', 'https://base.example/y/w?p#h'],
  ['#h', 'https://base.example/y/w?p#g'],
  ['', 'https://base.example/y/w?p#g'],
  ['.', 'https://base.example/y/w/'],
  ['x', 'mailto:someone'],
  ['#h', 'mailto:someone'],
  ['x'],
  [''],
  ['https://'],
  ['https:'],
  ['//example.com'],
  ['1http://example.com'],
  ['mailto:someone@example.com?subject=hi there'],
  ['data:text/plain,hello world#x y'],
  ['javascript:alert(1)'],
  ['urn:isbn:0451450523'],
  ['foo://EXAMPLE.com:80/a/../b'],
  ['foo://ex ample/'],
  ['foo:///x'],
  ['foo:/x/./y'],
  ['foo:x y'],
  ['non-special:////x'],
  ['ftp://example.com:21/%7Efile;type=a'],
  ['ws://example.com:80/socket'],
  ['wss://example.com:443/socket'],
  ['file:///etc/passwd'],
  ['file:etc/passwd'],
  ['file://host/share/x'],
  ['file:///C|/x/../..'],
  ['blob:https://example.com/id'],
  ['https://user@example.com/'],
  ['https://:secret@example.com/'],
  ['https://@example.com/'],
  ['https://us:er:x@y@example.com/'],
  ['https://example.com/\'"<>`{}|\\^%?\'"<>`{}|^#\'"<>`{}|^'],
  ['https://example.com/%2e%2E/%2e/x'],
  ['https://example.com/\ud800'],
  ['https://example.com/a//b///c'],
  ['https://example.com.'],
  ['https://example..com/'],
  ['https://-x-.example/'],
];

const parts = "['href','origin','protocol','username','password','host','hostname','port','pathname','search','hash']";
const readUrl = `(url) => ${parts}.map((part) => part + '=' + url[part]).join(' ')`;

export const urlProbe = `(inputs) => inputs.map(([input, base]) => {
  let read;
  try { read = (${readUrl})(base === undefined ? new URL(input) : new URL(input, base)); } catch (error) { read = 'throws ' + error.name; }
  return JSON.stringify([input, base]) + ' ' + URL.canParse(input, base) + ' ' + String(URL.parse(input, base)) + ' ' + read;
})`;

/** One probe a line; what it evaluates to, or throws, is told. */
const lines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

const settings: readonly (readonly [part: string, ...values: string[]])[] = [
  ['href', 'http://other.example/x', 'nonsense'],
  ['protocol', 'http', 'https:', 'foo', 'file', '1x'],
  ['username', 'a b', '', 'ü:@/'],
  ['password', 'a b', '', 'ü:@/'],
  ['host', 'other.example:99', 'other.example', 'x y', '', '[::1]:5'],
  ['hostname', 'other.example:99', 'ÜBER.example', '127.1', ''],
  ['port', '99', '443', '', '99x', 'x', '99999'],
  ['pathname', 'x/../y', '/a b', '', '?#'],
  ['search', 'a=1', '?b=2', '', '#ü'],
  ['hash', 'x', '#y', '', 'ü `'],
];

const setterProbes = settings.flatMap(([part, ...values]) =>
  values.map(
    (value) => `(() => { const url = new URL('https://u:p@example.com:8080/a?b#c'); url.${part} = ${JSON.stringify(value)}; return (${readUrl})(url); })()`,
  ),
);

export const probes: Readonly<Record<string, readonly string[]>> = {
  'URL setters': setterProbes,
  'URL objects': lines(`
    new URL('https://example.com/?a=1&a=2&b=%20+%C3%BC').searchParams.getAll('a')
    (() => { const url = new URL('https://example.com/?a=1#h'); url.searchParams.append('ü', 'x y&'); return url.href; })()
    (() => { const url = new URL('https://example.com/?a=1#h'); url.searchParams.delete('a'); return url.href; })()
    (() => { const url = new URL('https://example.com/?a=1'); url.search = '?b=2'; return [...url.searchParams]; })()
    JSON.stringify({ url: new URL('https://example.com') })
    String(new URL('https://example.com'))
    new URL('b', new URL('https://example.com/a/')).href
    new URL({ toString: () => 'https://example.com/' }).href
    URL('https://example.com')
    new URL()
    new URL(undefined)
    URL.canParse()
    new URL('https://example.com') instanceof URL
    Object.prototype.toString.call(new URL('https://example.com'))
    new URL('https://example.com').searchParams === new URL('https://example.com').searchParams
    (() => { const url = new URL('https://example.com'); return url.searchParams === url.searchParams; })()
    [URL.name, URLSearchParams.name, URL.prototype.constructor === URL]
  `),
  URLSearchParams: lines(`
    [...new URLSearchParams('?a=1&b=2&a=3')]
    String(new URLSearchParams({ a: '1', 'b c': 'd&e', ü: '~*()!' }))
    String(new URLSearchParams([['a', '1'], ['a', '2']]))
    String(new URLSearchParams(new Map([['a', 1], ['b', null]])))
    String(new URLSearchParams(new URLSearchParams('x=y')))
    new URLSearchParams([['a']])
    new URLSearchParams([1])
    String(new URLSearchParams())
    String(new URLSearchParams('a=%zz&b=%C3&+=+&&=&c'))
    new URLSearchParams('a=1').get('b')
    new URLSearchParams('a=1&a=2').size
    new URLSearchParams('a=1&a=2').has('a', '2')
    (() => { const p = new URLSearchParams('a=1&a=2&b=3'); p.delete('a', '1'); return String(p); })()
    (() => { const p = new URLSearchParams('a=1&b=2&a=3'); p.set('a', 'x'); p.set('c', 'y'); return String(p); })()
    (() => { const p = new URLSearchParams('c=1&a=2&b=3&a=1'); p.sort(); return String(p); })()
    (() => { const seen = []; new URLSearchParams('a=1&b=2').forEach((v, k) => seen.push(k + v)); return seen; })()
    [[...new URLSearchParams('a=1&b=2').keys()], [...new URLSearchParams('a=1&b=2').values()], [...new URLSearchParams('a=1').entries()]]
    URLSearchParams('a')
    new URLSearchParams().get()
    Object.prototype.toString.call(new URLSearchParams())
  `),
  TextEncoder: lines(String.raw`
    new TextEncoder().encode('aü€😀\ud800x\udc00')
    new TextEncoder().encode()
    new TextEncoder().encode('')
    new TextEncoder().encoding
    (() => { const bytes = new Uint8Array(5); return [new TextEncoder().encodeInto('aü€😀', bytes), bytes]; })()
    (() => { const bytes = new Uint8Array(3); return [new TextEncoder().encodeInto('\ud800', bytes), bytes]; })()
    (() => { const bytes = new Uint8Array(2); return [new TextEncoder().encodeInto('😀', bytes), bytes]; })()
    new TextEncoder().encode('x'.repeat(100000)).length
    new TextEncoder().encode('€'.repeat(100000)).length
    new TextEncoder().encode(12)
    TextEncoder()
  `),
  TextDecoder: lines(String.raw`
    new TextDecoder().decode(new Uint8Array([0x61, 0xc3, 0xbc, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80]))
    new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61]))
    new TextDecoder('utf-8', { ignoreBOM: true }).decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61]))
    new TextDecoder().decode(new Uint8Array([0xc3, 0x28, 0xa0, 0xa1, 0xe2, 0x28, 0xa1, 0xf0, 0x28, 0x8c, 0x28, 0xf8, 0xed, 0xa0, 0x80, 0xc0, 0x80]))
    new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([0xc3, 0x28]))
    new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([0xe2, 0x82]))
    new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([0xe2, 0x82, 0xac]))
    [[0xe2], [0x82], [0xac, 0x61]].map((bytes) => new Uint8Array(bytes)).map((chunk) => (globalThis.streaming ??= new TextDecoder()).decode(chunk, { stream: true }))
    (() => { const d = new TextDecoder(); return [d.decode(new Uint8Array([0xf0, 0x9f]), { stream: true }), d.decode(new Uint8Array([0x98]), { stream: true }), d.decode(), d.decode(new Uint8Array([0x61]))]; })()
    (() => { const d = new TextDecoder('utf-8', { fatal: true }); const first = d.decode(new Uint8Array([0xe2]), { stream: true }); try { d.decode(); } catch (error) { return [first, error.name, d.decode(new Uint8Array([0x61]))]; } })()
    (() => { const d = new TextDecoder(); return [d.decode(new Uint8Array([0xef, 0xbb]), { stream: true }), d.decode(new Uint8Array([0xbf, 0x61]), { stream: true }), d.decode(new Uint8Array([0xef, 0xbb, 0xbf]))]; })()
    new TextDecoder('utf-16le').decode(new Uint8Array([0x61, 0, 0x3d, 0xd8, 0, 0xde, 0xac, 0x20]))
    new TextDecoder('utf-16le').decode(new Uint8Array([0xff, 0xfe, 0x61, 0]))
    new TextDecoder('utf-16le').decode(new Uint8Array([0x61, 0, 0x3d, 0xd8]))
    new TextDecoder('utf-16le').decode(new Uint8Array([0x61, 0, 0x62]))
    new TextDecoder('utf-16le', { fatal: true }).decode(new Uint8Array([0x3d, 0xd8, 0x61, 0]))
    new TextDecoder('utf-16le', { fatal: true }).decode(new Uint8Array([0x61]))
    (() => { const d = new TextDecoder('utf-16le'); return [[0x3d], [0xd8, 0], [0xde, 0x61], [0]].map((bytes) => d.decode(new Uint8Array(bytes), { stream: true })); })()
    new TextDecoder('utf-16be').decode(new Uint8Array([0, 0x61]))
    new TextDecoder('latin1').decode(new Uint8Array([0x61, 0xe9, 0xff]))
    ['UTF8', ' utf-8\n', 'unicode-1-1-utf-8', 'ucs-2', 'utf-16', 'l1', 'ascii', 'iso-8859-2', 'koi8-r'].map((label) => new TextDecoder(label).encoding)
    ['', 'nonsense', 'utf-32', 'utf-8\0'].map((label) => { try { return new TextDecoder(label).encoding; } catch (error) { return error.name; } })
    new TextDecoder().decode(new Uint8Array([0x61, 0x62, 0x63]).subarray(1))
    new TextDecoder().decode(new Uint8Array([0x61, 0x62]).buffer)
    new TextDecoder().decode(new DataView(new Uint8Array([0x61, 0x62]).buffer, 1))
    new TextDecoder().decode(new Uint16Array([0x6261]))
    new TextDecoder().decode()
    new TextDecoder().decode('a')
    [new TextDecoder().fatal, new TextDecoder().ignoreBOM, new TextDecoder('utf-8', { fatal: 1 }).fatal]
    new TextDecoder().decode(new Uint8Array(100000).fill(0x61)).length
    TextDecoder()
  `),
  base64: lines(String.raw`
    btoa('') + btoa('a') + btoa('ab') + btoa('abc') + btoa('\0\xff') + btoa(12) + btoa(null)
    btoa('€')
    btoa()
    ['', 'YQ==', 'YQ', ' Y Q = = ', 'YWI=', 'YWJj', 'AP8=', 'YR==', 'YWJjZA'].map(atob)
    ['a', '=', 'YQ=', 'Y===', 'YQ===', 'YQ==YQ==', 'Y-_Q', 'Y\u00a0Q=', 'YWJj='].map((text) => { try { return atob(text); } catch (error) { return [error.name, error.code, error instanceof DOMException]; } })
    atob()
    atob(btoa(String.fromCharCode(...Array(256).keys()))).length
    atob(btoa('x'.repeat(100001))).length
    atob(undefined)
  `),
  DOMException: lines(String.raw`
    (({ name, message, code }) => [name, message, code])(new DOMException())
    (({ name, message, code }) => [name, message, code])(new DOMException('m', 'AbortError'))
    (({ name, message, code }) => [name, message, code])(new DOMException('m', 'Own'))
    (({ name, message, code, cause }) => [name, message, code, cause])(new DOMException('m', { name: 'DataCloneError', cause: 7 }))
    'cause' in new DOMException('m', { name: 'X' })
    new DOMException('m', 'AbortError').stack.split('\n')[0]
    [new DOMException() instanceof Error, Object.prototype.toString.call(new DOMException()), String(new DOMException('m', 'AbortError'))]
    [DOMException.ABORT_ERR, new DOMException().DATA_CLONE_ERR, DOMException.prototype.TIMEOUT_ERR, DOMException.INUSE_ATTRIBUTE_ERR]
    ['IndexSizeError', 'InUseAttributeError', 'URLMismatchError', 'TimeoutError', 'DataCloneError'].map((name) => new DOMException('', name).code)
    Object.getOwnPropertyNames(new DOMException('m', 'AbortError'))
    DOMException('m')
  `),
  events: lines(`
    (() => { const t = new EventTarget(), log = []; t.addEventListener('x', (e) => log.push(e.type, e.target === t, e.currentTarget === t, e.eventPhase)); const e = new Event('x'); return [t.dispatchEvent(e), log, e.target === t, e.currentTarget, e.eventPhase]; })()
    (() => { const t = new EventTarget(), log = []; for (const n of [1, 2, 3]) t.addEventListener('x', () => log.push(n)); t.dispatchEvent(new Event('x')); t.dispatchEvent(new Event('y')); return log; })()
    (() => { const t = new EventTarget(); let n = 0; const f = () => n++; t.addEventListener('x', f); t.addEventListener('x', f); t.addEventListener('x', f, true); t.dispatchEvent(new Event('x')); return n; })()
    (() => { const t = new EventTarget(); let n = 0; const f = () => n++; t.addEventListener('x', f, { once: true }); t.dispatchEvent(new Event('x')); t.dispatchEvent(new Event('x')); return n; })()
    (() => { const t = new EventTarget(); let n = 0; const f = () => n++; t.addEventListener('x', f, true); t.removeEventListener('x', f); t.dispatchEvent(new Event('x')); t.removeEventListener('x', f, { capture: true }); t.dispatchEvent(new Event('x')); return n; })()
    (() => { const t = new EventTarget(), log = []; const late = () => log.push('late'); t.addEventListener('x', () => { log.push('a'); t.removeEventListener('x', b); t.addEventListener('x', late); }); const b = () => log.push('b'); t.addEventListener('x', b); t.dispatchEvent(new Event('x')); t.dispatchEvent(new Event('x')); return log; })()
    (() => { const t = new EventTarget(), log = []; t.addEventListener('x', (e) => { log.push(1); e.stopImmediatePropagation(); }); t.addEventListener('x', () => log.push(2)); t.dispatchEvent(new Event('x')); return log; })()
    (() => { const t = new EventTarget(); t.addEventListener('x', (e) => e.preventDefault()); const e = new Event('x', { cancelable: true }); return [t.dispatchEvent(e), e.defaultPrevented, t.dispatchEvent(new Event('x'))]; })()
    (() => { const t = new EventTarget(); t.addEventListener('x', (e) => e.preventDefault(), { passive: true }); return t.dispatchEvent(new Event('x', { cancelable: true })); })()
    (() => { const t = new EventTarget(), log = []; const o = { handleEvent(e) { log.push(this === o, e.type); } }; t.addEventListener('x', o); t.dispatchEvent(new Event('x')); return log; })()
    (() => { const t = new EventTarget(); let self; t.addEventListener('x', function () { self = this; }); t.dispatchEvent(new Event('x')); return self === t; })()
    (() => { const t = new EventTarget(); t.addEventListener('x', (e) => t.dispatchEvent(e)); return 'defined'; })()
    new EventTarget().addEventListener('x', 7)
    new EventTarget().addEventListener('x')
    new EventTarget().dispatchEvent({ type: 'x' })
    new EventTarget().dispatchEvent()
    new EventTarget().addEventListener('x', () => {}, { signal: {} })
    new Event()
    (({ type, bubbles, cancelable, composed, isTrusted, returnValue, cancelBubble }) => [type, bubbles, cancelable, composed, isTrusted, returnValue, cancelBubble])(new Event(7, { bubbles: 1, composed: true }))
    [Event.NONE, Event.CAPTURING_PHASE, Event.AT_TARGET, Event.BUBBLING_PHASE, new Event('x').composedPath()]
    (() => { const t = new EventTarget(); let path; t.addEventListener('x', (e) => { path = e.composedPath(); }); t.dispatchEvent(new Event('x')); return path.length === 1 && path[0] === t; })()
    [new CustomEvent('x', { detail: { a: 1 } }).detail, new CustomEvent('x').detail, new CustomEvent('x') instanceof Event]
    (() => { class Bus extends EventTarget { n = 0; } const bus = new Bus(); bus.addEventListener('x', () => bus.n++); bus.dispatchEvent(new CustomEvent('x')); return bus.n; })()
    (() => { const c = new AbortController(), t = new EventTarget(); let n = 0; t.addEventListener('x', () => n++, { signal: c.signal }); t.dispatchEvent(new Event('x')); c.abort(); t.dispatchEvent(new Event('x')); t.addEventListener('x', () => n++, { signal: c.signal }); t.dispatchEvent(new Event('x')); return n; })()
    [Event, CustomEvent, EventTarget, AbortSignal, AbortController].map(({ name, prototype }) => [name, Object.prototype.toString.call(prototype)])
    Event('x')
    EventTarget()
  `),
  aborting: lines(`
    (() => { const c = new AbortController(), log = []; c.signal.onabort = function (e) { log.push('on', e.type, this === c.signal, e.isTrusted); }; c.signal.addEventListener('abort', () => log.push('listener')); c.abort('why'); c.abort('again'); return [log, c.signal.aborted, c.signal.reason]; })()
    (() => { const c = new AbortController(); c.abort(); const { reason } = c.signal; return [reason.name, reason.code, reason.message, reason instanceof DOMException]; })()
    (() => { const c = new AbortController(); c.abort(undefined); return c.signal.reason.name; })()
    (() => { const c = new AbortController(); c.abort(null); return c.signal.reason; })()
    [new AbortController().signal.aborted, new AbortController().signal.reason, new AbortController().signal.throwIfAborted(), new AbortController().signal.onabort]
    (() => { const error = new Error('mine'); try { AbortSignal.abort(error).throwIfAborted(); } catch (thrown) { return thrown === error; } })()
    AbortSignal.abort().reason.name
    AbortSignal.abort(7).reason
    (() => { const c = new AbortController(), log = []; c.signal.onabort = () => log.push(1); c.signal.addEventListener('abort', () => log.push(2)); c.signal.onabort = () => log.push(3); c.abort(); return log; })()
    (() => { const c = new AbortController(), log = []; c.signal.onabort = () => log.push(1); c.signal.onabort = null; c.abort(); return [log, c.signal.onabort]; })()
    (() => { const c = new AbortController(); c.signal.onabort = 7; return c.signal.onabort; })()
    (() => { const a = new AbortController(), b = new AbortController(), any = AbortSignal.any([a.signal, b.signal]); let n = 0; any.addEventListener('abort', () => n++); b.abort('b'); a.abort('a'); return [any.aborted, any.reason, n]; })()
    AbortSignal.any([AbortSignal.abort('x'), AbortSignal.abort('y')]).reason
    AbortSignal.any([]).aborted
    AbortSignal.any([1])
    AbortSignal.any()
    (() => { const a = new AbortController(), deep = AbortSignal.any([AbortSignal.any([a.signal]), new AbortController().signal]); a.abort('deep'); return [deep.aborted, deep.reason]; })()
    (() => { const a = new AbortController(), log = []; const any = AbortSignal.any([a.signal]); a.signal.addEventListener('abort', () => log.push('source', any.aborted)); any.addEventListener('abort', () => log.push('any')); a.abort(); return log; })()
    (() => { const a = new AbortController(), any = AbortSignal.any([a.signal, a.signal]); let n = 0; any.onabort = () => n++; a.abort(); return n; })()
    [AbortSignal.timeout(1e6).aborted, AbortSignal.timeout(0) instanceof AbortSignal]
    (() => { try { AbortSignal.timeout(-1); } catch (error) { return error instanceof Error; } })()
    (() => { try { AbortSignal.timeout(NaN); } catch (error) { return error instanceof Error; } })()
    new AbortSignal()
    AbortController()
    [new AbortController().signal instanceof EventTarget, Object.keys(new AbortController())]
  `),
  structuredClone: lines(String.raw`
    structuredClone({ a: 1, b: 'x', c: null, d: undefined, e: true, f: -0, g: NaN, h: 12n })
    structuredClone([1, , 3, [4], ,])
    structuredClone(Object.assign([1, 2], { extra: 3 }))
    structuredClone(new Array(5)).length
    structuredClone(new Map([[{ a: 1 }, new Set([1, [2]])], ['k', new Map()]]))
    structuredClone([new Date(12345), new Date(NaN), /a\/b/giu])
    structuredClone([new Uint8Array([1, 2]), new Float64Array([0.5, -0]), new BigInt64Array([-1n]), new Uint8ClampedArray([300])])
    structuredClone(new Uint8Array([1, 2, 3, 4]).subarray(1, 3))
    (() => { const buffer = new ArrayBuffer(8), [a, b, c] = structuredClone([new Uint8Array(buffer), new DataView(buffer, 2, 4), buffer]); a[2] = 9; return [a.buffer === b.buffer, c === a.buffer, b.getUint8(0), b.byteLength, new Uint8Array(buffer)[2]]; })()
    (() => { const a = { n: 1 }; a.self = a; a.list = [a, a.list]; const b = structuredClone(a); return [b !== a, b.self === b, b.list[0] === b]; })()
    (() => { const m = new Map(); m.set(m, m); const c = structuredClone(m); return c.get(c) === c; })()
    (() => { const shared = {}, [x, y] = structuredClone([shared, shared]); return x === y && x !== shared; })()
    (() => { class Point { x = 1; #y = 2; get y() { return this.#y; } } const c = structuredClone(new Point()); return [c, c.constructor === Object]; })()
    structuredClone({ get computed() { return 42; } })
    structuredClone({ get bad() { throw new RangeError('mine'); } })
    structuredClone(Object.create({ inherited: 1 }, { own: { value: 2, enumerable: true }, hidden: { value: 3 } }))
    structuredClone({ [Symbol('s')]: 1, a: 2 })
    Object.getOwnPropertyDescriptor(structuredClone(JSON.parse('{"__proto__": 1}')), '__proto__')
    Object.getPrototypeOf(structuredClone(Object.create(null))) === Object.prototype
    [Object(1), Object('s'), Object(true), Object(7n)].map((boxed) => { const c = structuredClone(boxed); return [typeof c, c.valueOf(), c !== boxed]; })
    [new Error('m'), new TypeError('t'), new RangeError('r', { cause: { a: 1 } }), Object.assign(new Error('x'), { name: 'Own', code: 7 })].map((e) => { const c = structuredClone(e); return [c.name, c.message, c.cause, c.constructor.name, c.code, c instanceof Error, c.stack === e.stack, Object.getOwnPropertyNames(c).sort()]; })
    (() => { const c = structuredClone(new (class Mine extends Error { name = 'Mine'; })('m')); return [c.name, c.message, c.constructor === Error]; })()
    (() => { const e = new Error('m'); e.cause = e; const c = structuredClone(e); return c.cause === c; })()
    (() => { const c = structuredClone(new DOMException('m', 'AbortError')); return [c.name, c.message, c.code, c instanceof DOMException]; })()
    structuredClone(new AggregateError([1], 'm')).constructor.name
    (() => { const o = { a: 1, get b() { delete this.c; return 2; }, c: 3 }; return structuredClone(o); })()
    structuredClone(new (class extends Map { })([[1, 2]])).constructor === Map
    structuredClone(new (class extends Array { })(1, 2, 3)).constructor === Array
    (() => { const r = /a/g; r.lastIndex = 3; return structuredClone(r).lastIndex; })()
    structuredClone(() => {})
    structuredClone({ deep: [{ f() {} }] })
    structuredClone(Symbol('s'))
    structuredClone(Object(Symbol('s')))
    structuredClone(new WeakMap())
    structuredClone(new WeakSet())
    structuredClone(Promise.resolve())
    structuredClone([].values())
    structuredClone((function* () {})())
    structuredClone(new URL('https://example.com'))
    structuredClone(new URLSearchParams('a=1'))
    structuredClone()
    structuredClone(undefined)
    structuredClone({ a: 1 }, {})
    structuredClone({ a: 1 }, { transfer: [] })
    (() => { const buffer = new ArrayBuffer(4); buffer.transfer(); return structuredClone(buffer); })()
  `),
};

/** Arguments of `console.log` that show as in Node, when Node is asked for one line. */
export const logProbes: readonly string[] = lines(
  String.raw`
  []
  ['plain']
  ['100%']
  ['%%']
  [1, 'a', { s: 's' }, true, null, undefined, -0, 1.5e300, 12n, Symbol('q')]
  ['a', { a: 1 }, 'b']
  ['%s %d %i %f %j %o %O %c %% %x %s', 'a', 1.5, 1.5, '1.5', { a: 1 }, { a: 1 }, { b: 2 }, 'css', 7]
  ['%s', 'a', 'b', { c: 1 }]
  ['%s|%s|%s|%s|%s|%s', 1n, -0, Symbol('a'), null, undefined, true]
  ['%s', (a, b) => a + b]
  ['%s', class Foo { x = 1 }]
  ['%s|%s', { a: { b: 1 } }, [1, [2, [3]]]]
  ['%s|%s', { toString() { return 'own words'; } }, new (class A { toString() { return 'inherited words'; } })()]
  ['%s|%s', new Date(0), new Map([[1, 2]])]
  ['%s', Object.create(null)]
  ['%s', new URL('http://example.com')]
  ['%d|%d|%d|%d|%d', {}, '0x10', 1n, Symbol(), 'abc']
  ['%i|%i|%i|%f|%f|%f', '12px', 12.9, 3n, 'x', '1.50', Symbol()]
  ['%j|%j|%j', { a: [1] }, undefined, 'text']
  ['%s']
  ['%', '%s']
  ['%s %s', 'a']
  ['%%%s%%', 1]
  ['%z%s', 1]
  ['a%', 1]
  [{ a: 1, 'b-c': 2, [Symbol('s')]: 3, [Symbol("it's\n")]: 4, 7: 'n', '': 'e', 'ü': 4 }]
  [{ get g() { return 1; }, set g(v) {}, get h() { return 1; }, set i(v) {} }]
  [{}, [], new Map(), new Set(), Object.create(null), Object.assign(Object.create(null), { a: 1 })]
  [[undefined, null, -0, 1n], ['a\'b', "x\ny", 'it\'s "q"', 'all \' " ` +
    '`' +
    String.raw`', '\\', '\u0001\u007f\ud800\t']]
  [[1, , 2, , ,], new Array(5), Object.assign([1], { a: 2, '-1': 3 })]
  [new Map([['a', { b: 1 }], [{ k: 1 }, new Set([1])]]), new Set(['x', [1]]), Object.assign(new Map(), { a: 1 })]
  [new Date(0), new Date(NaN), /a\/b/gi, Object.assign(new Date(0), { a: 1 }), Object.assign(/x/, { a: 1 })]
  [new Uint8Array([1, 2]), new Float32Array(2), new BigInt64Array(1), new Uint8Array(0)]
  [new ArrayBuffer(2), new DataView(new ArrayBuffer(4), 1, 2)]
  [new (class Foo { a = 1; get b() { return 1; } })(), new (class Empty {})(), new (class extends Map {})([[1, 2]])]
  [class Foo {}, class Bar extends Map {}, class {}, class N extends null {}]
  [() => {}, function f() {}, async () => {}, function* g() {}, async function* h() {}, Object.assign(() => {}, { a: 1 }), Math.max, Symbol]
  [{ f() {}, g: () => {} }]
  [{ a: { b: { c: { d: { e: 1 } } } } }, { a: { b: { c: { d: {} } } } }, [[[[[1]]]]], { a: { b: { c: { d: new Map([[1, 2]]), e: [], f: new Date(0) } } } }]
  [(() => { const o = { x: 1 }; o.self = o; o.list = [o, { o }]; return o; })()]
  [(() => { const a = {}, b = { a }; a.b = b; return { a, b }; })()]
  [(() => { const m = new Map(); m.set(m, [m]); return m; })()]
  [Object(1), Object('abc'), Object(1n), Object(Symbol('x')), Object(true), Object(-0), Object.assign(Object('ab'), { c: 1 })]
  [new WeakMap(), new WeakSet(), JSON, Math, Reflect, (function* () {})()]
  [{ [Symbol.toStringTag]: 'Tag', a: 1 }, Object.create({ [Symbol.toStringTag]: 'Inherited' })]
  [class Foo {}.prototype, Object.create({ a: 1 }), Object.create(class Foo {}.prototype)]
  [new URLSearchParams('a=1&b=x y'), AbortSignal.abort(), new AbortController()]
  [Object.assign(new Error('m'), { stack: 'Error: m' }), Object.assign(new Error('m'), { stack: 'Error: m', code: 7 })]
  [Object.assign(new (class NotFound extends Error {})('gone'), { stack: 'Error: gone\n    at x' })]
  [{ nested: Object.assign(new Error('m'), { stack: 'Error: m' }) }]
  [globalThis.structuredClone.name, Symbol.iterator, Symbol()]
`,
);
