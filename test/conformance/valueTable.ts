/**
 * Every kind of value, as test/conformance/actors/values.{ts,py} make it, in the notation of actors/witness.py (what is long is
 * told by its length and its hash), as JSON, and as MessagePack in hex.
 */
export interface ValueRow {
  readonly name: string;
  readonly is: string;
  /** What it is once an actor in JavaScript or WASM has made or passed it, where that differs. */
  readonly passed?: string;
  /** Absent where JSON cannot hold it. */
  readonly json?: string;
  readonly msgpack: string;
}

const repeat = (text: string, times: number): string => text.repeat(times);
const manyBytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256)).toString('hex');
const longList = Array.from({ length: 1_000 }, (_, index) => index);
const integer = (value: number): string => (value < 128 ? '' : value < 256 ? 'cc' : 'cd') + value.toString(16).padStart(value < 256 ? 2 : 4, '0');

export const valueTable: readonly ValueRow[] = [
  { name: 'null', is: 'null', json: 'null', msgpack: 'c0' },
  { name: 'true', is: 'true', json: 'true', msgpack: 'c3' },
  { name: 'false', is: 'false', json: 'false', msgpack: 'c2' },
  { name: 'zero', is: '0', json: '0', msgpack: '00' },
  { name: 'a negative integer', is: '-7', json: '-7', msgpack: 'f9' },
  { name: 'an integer of 32 bits and one', is: '4294967296', json: '4294967296', msgpack: 'cf0000000100000000' },
  { name: 'the last integer before 2^53', is: '9007199254740991', json: '9007199254740991', msgpack: 'cf001fffffffffffff' },
  { name: '2^53', is: '9007199254740992', json: '9007199254740992', msgpack: 'cf0020000000000000' },
  { name: '2^53 + 1', is: '9007199254740993', json: '9007199254740993', msgpack: 'cf0020000000000001' },
  { name: '-2^53 - 1', is: '-9007199254740993', json: '-9007199254740993', msgpack: 'd3ffdfffffffffffff' },
  { name: 'the greatest integer', is: '9223372036854775807', json: '9223372036854775807', msgpack: 'cf7fffffffffffffff' },
  { name: 'the least integer', is: '-9223372036854775808', json: '-9223372036854775808', msgpack: 'd38000000000000000' },
  { name: 'a float', is: 'float 12.5', json: '12.5', msgpack: 'cb4029000000000000' },
  { name: 'a float that is whole', is: 'float 5.0', passed: '5', json: '5.0', msgpack: 'cb4014000000000000' },
  { name: 'negative zero', is: 'float -0.0', passed: '0', json: '-0.0', msgpack: 'cb8000000000000000' },
  { name: 'a sum of floats', is: 'float 0.30000000000000004', json: '0.30000000000000004', msgpack: 'cb3fd3333333333334' },
  { name: 'a large float', is: 'float 1e+300', json: '1e+300', msgpack: 'cb7e37e43c8800759c' },
  { name: 'a whole float of 2^53', is: 'float 9007199254740992.0', json: '9007199254740992.0', msgpack: 'cb4340000000000000' },
  { name: 'the least float', is: 'float 5e-324', json: '5e-324', msgpack: 'cb0000000000000001' },
  { name: 'the greatest float', is: 'float 1.7976931348623157e+308', json: '1.7976931348623157e+308', msgpack: 'cb7fefffffffffffff' },
  { name: 'not a number', is: 'float nan', msgpack: 'cb7ff8000000000000' },
  { name: 'infinity', is: 'float inf', msgpack: 'cb7ff0000000000000' },
  { name: 'negative infinity', is: 'float -inf', msgpack: 'cbfff0000000000000' },
  { name: 'an empty string', is: '""', json: '""', msgpack: 'a0' },
  { name: 'a string', is: '"text"', json: '"text"', msgpack: 'a474657874' },
  {
    name: 'a string of many scripts',
    is: '"na\\u00efve \\u2013 \\u65e5\\u672c \\u2013 \\ud83d\\udc69\\u200d\\ud83d\\ude80"',
    json: '"naïve – 日本 – 👩\u200d🚀"',
    msgpack: 'd9216e61c3af766520e2809320e697a5e69cac20e2809320f09f91a9e2808df09f9a80',
  },
  {
    name: 'a string of control characters',
    is: '"\\u0000\\b\\t\\n\\f\\r\\"\\\\/\\u007f\\u2028"',
    json: '"\\u0000\\b\\t\\n\\f\\r\\"\\\\/\u007f\u2028"',
    msgpack: 'ad0008090a0c0d225c2f7fe280a8',
  },
  { name: 'a string that looks like a number', is: '"9007199254740993"', json: '"9007199254740993"', msgpack: 'b039303037313939323534373430393933' },
  { name: 'a long string', is: '240002 26068cffe1fb5608', json: `"${repeat('é', 40_000)}"`, msgpack: `db00013880${repeat('c3a9', 40_000)}` },
  { name: 'no bytes', is: 'bytes ', msgpack: 'c400' },
  { name: 'bytes', is: 'bytes 00017f80ff', msgpack: 'c40500017f80ff' },
  { name: 'many bytes', is: '140006 dbe7636e35e1079a', msgpack: `c600011170${manyBytes}` },
  { name: 'the epoch', is: 'datetime 1970-01-01T00:00:00.000+00:00', msgpack: 'd6ff00000000' },
  { name: 'a datetime', is: 'datetime 2026-02-03T04:05:06.789+00:00', msgpack: 'd7ffbc1cbd00698173f2' },
  { name: 'a datetime before the epoch', is: 'datetime 1969-12-31T23:59:59.999+00:00', msgpack: 'c70cff3b8b87c0ffffffffffffffff' },
  { name: 'the first datetime', is: 'datetime 0001-01-01T00:00:00.000+00:00', msgpack: 'c70cff00000000fffffff1886e0900' },
  { name: 'the last datetime', is: 'datetime 9999-12-31T23:59:59.999+00:00', msgpack: 'c70cff3b8b87c00000003afff4417f' },
  {
    name: 'an error',
    is: 'error RangeError "zu weit \\u2013 \\u9060" E_FAR',
    msgpack: 'c7340183a46e616d65aa52616e67654572726f72a76d657373616765af7a75207765697420e2809320e981a0a4636f6465a5455f464152',
  },
  { name: 'an error without a code', is: 'error TypeError "" None', msgpack: 'c7190182a46e616d65a9547970654572726f72a76d657373616765a0' },
  { name: 'an empty list', is: '[]', json: '[]', msgpack: '90' },
  { name: 'a list', is: '[1, "two", null, [float 3.5, [true]]]', json: '[1,"two",null,[3.5,[true]]]', msgpack: '9401a374776fc092cb400c00000000000091c3' },
  { name: 'a long list', is: '4890 3e726f1b6f58ece8', json: JSON.stringify(longList), msgpack: `dc03e8${longList.map(integer).join('')}` },
  { name: 'the deepest list', is: repeat('[', 64) + repeat(']', 64), json: repeat('[', 64) + repeat(']', 64), msgpack: `${repeat('91', 63)}90` },
  { name: 'an empty map', is: '{}', json: '{}', msgpack: '80' },
  {
    name: 'a map',
    is: '{"a": {"c": [], "\\u043a\\u043b\\u044e\\u0447": null}, "b": 1}',
    json: '{"b":1,"a":{"c":[],"ключ":null}}',
    msgpack: '82a16201a16182a16390a8d0bad0bbd18ed187c0',
  },
  {
    name: 'a map with odd keys',
    is: '{"": 0, "2": 1, "__proto__": 2, "a\\"b\\\\": 4, "constructor": 3}',
    json: '{"":0,"2":1,"__proto__":2,"constructor":3,"a\\"b\\\\":4}',
    msgpack: '85a000a13201a95f5f70726f746f5f5f02ab636f6e7374727563746f7203a46122625c04',
  },
  {
    name: 'everything',
    is: '{"at": datetime 1970-01-01T00:00:00.001+00:00, "list": [bytes 07, 1152921504606846976, float nan], "map": {"error": error RangeError "inside" None}, "none": null}',
    msgpack:
      '84a26174d7ff003d090000000000a46c69737493c40107cf1000000000000000cb7ff8000000000000a36d617081a56572726f72c7200182a46e616d65aa52616e67654572726f72a76d657373616765a6696e73696465a46e6f6e65c0',
  },
];
