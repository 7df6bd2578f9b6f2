/**
 * Extism's memory blocks, in AssemblyScript: one instance beside each plugin, in a memory of its own that has a maximum.
 *
 * A plugin's loads and stores go from WebAssembly to WebAssembly: an echo is 5 to 9 times faster than through the blocks of Extism's browser
 * build (one ArrayBuffer each, a BigInt at each access), which besides have no bound and end at 32,767 blocks a call.
 *
 * A block is 16 bytes of header and its content. Offset 0 is no block. Whatever a plugin writes here harms that plugin alone:
 * every address is checked against the blocks, and the host reads nothing but through a bounds-checked view of this memory.
 */

/** Says that so many more bytes are wanted; throws if the actor may not have them. */
declare function reserve(bytes: f64): void;
/** Throws: these bytes are not within the blocks of this call. */
declare function refuse(offset: u64, bytes: u64): void;

/** Freed blocks are kept in lists, one for each capacity: eight capacities to a power of two. The heads of the lists begin this memory. */
const lists: u32 = 32 * 8;
const base: u32 = lists * 4;

/** No block is larger, whatever the limit. */
const largest: u64 = 1 << 30;

/** Capacity, length, and a mark that only the start of a live block bears. */
const header: u32 = 16;
const mark: u64 = 0x76697661_72697564;

let top: u32 = base;
let inputBlock: u32 = 0;
let inputBytes: u32 = 0;
let outputBlock: u32 = 0;
let outputBytes: u32 = 0;
let errorBlock: u32 = 0;

/** Forgets all blocks: each call of a plugin begins without any. */
export function reset(): void {
  memory.fill(0, 0, base);
  top = base;
  inputBlock = 0;
  inputBytes = 0;
  outputBlock = 0;
  outputBytes = 0;
  errorBlock = 0;
}

export function alloc(bytes: u64): u64 {
  if (bytes > largest) {
    reserve(f64(bytes));
    unreachable();
  }
  const capacity = capacityFor(u32(bytes));
  let block = reuse(capacity);
  if (block === 0) block = extend(capacity);
  store<u32>(block - 12, u32(bytes));
  store<u64>(block - 8, mark ^ u64(block));
  return block;
}

/** At most an eighth more than is wanted, so that blocks of about the same size take each other's place. */
function capacityFor(bytes: u32): u32 {
  const wanted = max((bytes + 7) & ~7, 8);
  const step = 1 << (28 - clz(wanted));
  return (wanted + step - 1) & ~(step - 1);
}

function listOf(capacity: u32): u32 {
  const power = 31 - clz(capacity);
  return power * 8 + ((capacity >> (power - 3)) & 7);
}

/** A freed block of this capacity, or of one up to twice as large; 0 if there is none. */
function reuse(capacity: u32): u32 {
  const first = listOf(capacity);
  for (let list = first; list <= first + 8; list++) {
    const block = load<u32>(list * 4);
    if (block === 0) continue;
    store<u32>(list * 4, load<u32>(block));
    return block;
  }
  return 0;
}

function extend(capacity: u32): u32 {
  const end = u64(top) + header + capacity;
  const size = u64(memory.size()) << 16;
  if (end > size) {
    const pages = i32((end - size + 0xffff) >> 16);
    reserve(f64(pages) * 65536);
    if (memory.grow(pages) < 0) unreachable();
  }
  const block = top + header;
  store<u32>(block - header, capacity);
  top = u32(end);
  return block;
}

export function free(offset: u64): void {
  if (!isBlock(offset)) return;
  const block = u32(offset);
  const list = listOf(load<u32>(block - header)) * 4;
  store<u64>(block - 8, 0);
  store<u32>(block, load<u32>(list));
  store<u32>(list, block);
}

function isBlock(offset: u64): bool {
  return offset >= base + header && offset < top && load<u64>(u32(offset) - 8) === (mark ^ offset);
}

/** The bytes of a block, or -1 where there is none. */
export function sizeOf(offset: u64): i32 {
  return isBlock(offset) ? load<u32>(u32(offset) - 12) : -1;
}

export function length(offset: u64): u64 {
  return isBlock(offset) ? load<u32>(u32(offset) - 12) : 0;
}

/** The address of so many bytes that lie within the blocks. */
function address(offset: u64, bytes: u64): u32 {
  if (offset < base || offset > top || offset + bytes > top) refuse(offset, bytes);
  return u32(offset);
}

export function load_u8(offset: u64): u32 {
  return load<u8>(address(offset, 1));
}

export function load_u64(offset: u64): u64 {
  return load<u64>(address(offset, 8));
}

export function store_u8(offset: u64, value: u32): void {
  store<u8>(address(offset, 1), value);
}

export function store_u64(offset: u64, value: u64): void {
  store<u64>(address(offset, 8), value);
}

/** Makes the block of the message; the host fills it. */
export function input(bytes: u32): u32 {
  inputBlock = u32(alloc(bytes));
  inputBytes = bytes;
  return inputBlock;
}

export function input_offset(): u64 {
  return inputBlock;
}

export function input_length(): u64 {
  return inputBytes;
}

export function input_load_u8(index: u64): u32 {
  if (index >= inputBytes) refuse(index, 1);
  return load<u8>(inputBlock + u32(index));
}

export function input_load_u64(index: u64): u64 {
  if (index > inputBytes || index + 8 > inputBytes) refuse(index, 8);
  return load<u64>(inputBlock + u32(index));
}

export function output_set(offset: u64, bytes: u64): void {
  if (bytes === 0) {
    outputBytes = 0;
    return;
  }
  if (bytes > top) refuse(offset, bytes);
  outputBlock = address(offset, bytes);
  outputBytes = u32(bytes);
}

export function output_offset(): u32 {
  return outputBlock;
}

export function output_length(): u32 {
  return outputBytes;
}

export function error_set(offset: u64): void {
  if (offset !== 0 && !isBlock(offset)) refuse(offset, 0);
  errorBlock = u32(offset);
}

export function error_get(): u64 {
  return errorBlock;
}
