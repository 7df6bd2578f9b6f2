/**
 * What a WASM guest may import, version 1: the functions of Extism 2.0.0-rc13, ours, and those of WASI preview 1.
 * docs/reference/wasm-imports.md shows the same table; a test holds the two equal.
 *
 * Pointers are `i64` offsets of Extism memory blocks, unless WASI says otherwise.
 */

export const wasmImportsVersion = 1;

/** A function of the host: its signature as {@link CheckedImport} writes signatures, and what it does. */
export interface HostFunction {
  readonly signature: string;
  readonly meaning: string;
}

export type HostFunctions = Readonly<Record<string, HostFunction>>;

const is = (signature: string, meaning: string): HostFunction => ({ signature, meaning });

/** Extism's kernel: memory blocks, input and output, config, variables, logs. */
export const extismFunctions = {
  alloc: is('(i64) -> i64', 'Makes a block of so many bytes and returns its offset. Blocks count as memory of the actor; they go at the end of the call.'),
  free: is('(i64) -> ()', 'Frees a block.'),
  length: is('(i64) -> i64', 'The bytes of the block that starts at an offset; 0 when none does.'),
  length_unsafe: is('(i64) -> i64', 'As `length`.'),
  load_u8: is('(i64) -> i32', 'Reads a byte of a block.'),
  load_u64: is('(i64) -> i64', 'Reads 8 bytes of a block, little endian.'),
  store_u8: is('(i64, i32) -> ()', 'Writes a byte of a block.'),
  store_u64: is('(i64, i64) -> ()', 'Writes 8 bytes of a block, little endian.'),
  input_offset: is('() -> i64', 'The block of the message, encoded as the `input` of the actor says.'),
  input_length: is('() -> i64', 'The bytes of the message.'),
  input_load_u8: is('(i64) -> i32', 'Reads a byte of the message.'),
  input_load_u64: is('(i64) -> i64', 'Reads 8 bytes of the message, little endian.'),
  output_set: is('(i64, i64) -> ()', 'Makes a block (offset, bytes) the result: it goes to `out`, decoded as the `output` of the actor says.'),
  error_set: is('(i64) -> ()', 'Makes a block of text the error: the turn fails with it.'),
  error_get: is('() -> i64', 'The block of the error; 0 when there is none.'),
  config_get: is('(i64) -> i64', 'The text of a key of `config`; 0 when there is no such key.'),
  var_get: is('(i64) -> i64', 'The bytes of a variable of this instance; 0 when it is not set.'),
  var_set: is('(i64, i64) -> ()', 'Sets a variable of this instance; value 0 removes it. Variables are a cache: they go with the instance.'),
  http_request: is(
    '(i64, i64) -> i64',
    'Sends a request (a block of JSON: `{"url", "method", "headers"}`; a block with the body, or 0) and waits. Returns the block of the body. What the policy denies, or what fails, ends the call with its error.',
  ),
  http_status_code: is('() -> i32', 'The status of the last response; 0 when there is none.'),
  http_headers: is('() -> i64', 'A block of JSON with the headers of the last response, names in lower case; 0 when there is none.'),
  log_trace: is('(i64) -> ()', 'Logs a block of text at level `debug`.'),
  log_debug: is('(i64) -> ()', 'Logs a block of text at level `debug`.'),
  log_info: is('(i64) -> ()', 'Logs a block of text at level `info`.'),
  log_warn: is('(i64) -> ()', 'Logs a block of text at level `warn`.'),
  log_error: is('(i64) -> ()', 'Logs a block of text at level `error`.'),
  get_log_level: is('() -> i32', 'The lowest level that is logged: 0 trace, 1 debug, 2 info, 3 warn, 4 error.'),
} as const satisfies HostFunctions;

/** Ours. Names and messages are blocks; what is returned is a new block. */
export const vivariumFunctions = {
  vivarium_service_call: is(
    '(i64, i64) -> i64',
    'Calls a service (name, input as JSON) and waits. Returns a block of JSON: `{"ok": value}`, or `{"error": {"code", "message", "hint"}}`.',
  ),
  vivarium_ask: is(
    '(i64, i64) -> i64',
    'Asks an actor that a connection leads to (name, message as JSON) and waits. Returns what `vivarium_service_call` returns.',
  ),
  vivarium_emit: is('(i64, i64) -> i64', 'Sends a message (outlet, message encoded as the `output` of the actor says) to an outlet; returns 0.'),
  vivarium_state_get: is(
    '(i64) -> i64',
    'Reads what is kept under a key and waits. Returns a block as `vivarium_service_call`; the value is `{"value", "version"}`, or null.',
  ),
  vivarium_state_put: is(
    '(i64, i64, i64) -> i64',
    'Keeps a value (key, value as JSON, condition) and waits. The condition is a block of JSON, the version that the entry must have or null for none; offset 0 demands nothing. The value is `{"version"}`, or `{"conflict": true}`.',
  ),
  vivarium_state_delete: is(
    '(i64, i64) -> i64',
    'Deletes what is kept under a key (key, condition) and waits. The value is `{"deleted"}`, or `{"conflict": true}`.',
  ),
  vivarium_state_list: is(
    '(i64) -> i64',
    'Lists keys and waits, of a block of JSON `{"prefix", "after", "most"}`, where each may be missing; offset 0 is `{}`. The value is `{"entries": [{"key", "version"}], "more"}`.',
  ),
  vivarium_execution: is(
    '() -> i64',
    'A block of JSON: `{"id", "attempt", "parents", "deadline", "trace"}`, the deadline in milliseconds since 1970; 0 in `start` and `stop`.',
  ),
} as const satisfies HostFunctions;

/** WASI preview 1, where the manifest says `wasi: true`. The folders of the policy are open from the start. Pointers are `i32` into the memory of the module. */
export const wasiFunctions = {
  args_get: is('(i32, i32) -> i32', 'The arguments: none.'),
  args_sizes_get: is('(i32, i32) -> i32', 'The number and size of the arguments: 0.'),
  environ_get: is('(i32, i32) -> i32', 'The environment that the policy grants.'),
  environ_sizes_get: is('(i32, i32) -> i32', 'The number and size of its variables.'),
  clock_res_get: is('(i32, i32) -> i32', 'The resolution of a clock: 1 ms.'),
  clock_time_get: is('(i32, i64, i32) -> i32', 'The time of a clock, to 1 ms.'),
  fd_advise: is('(i32, i64, i64, i32) -> i32', 'Advice on the use of a file: taken, and without effect.'),
  fd_allocate: is('(i32, i64, i64) -> i32', 'Makes a file as long as that, if it is shorter.'),
  fd_close: is('(i32) -> i32', 'Closes a descriptor.'),
  fd_datasync: is('(i32) -> i32', 'Writes the data of a file through.'),
  fd_fdstat_get: is('(i32, i32) -> i32', 'The kind and flags of a descriptor.'),
  fd_fdstat_set_flags: is('(i32, i32) -> i32', 'Sets the flags of a file. What was opened to be appended to stays so (58).'),
  fd_fdstat_set_rights: is('(i32, i64, i64) -> i32', 'Gives up rights of a descriptor.'),
  fd_filestat_get: is('(i32, i32) -> i32', 'Size and times of a file.'),
  fd_filestat_set_size: is('(i32, i64) -> i32', 'Sets the size of a file.'),
  fd_filestat_set_times: is('(i32, i64, i64, i32) -> i32', 'Sets the times of a file, to 1 ms.'),
  fd_pread: is('(i32, i32, i32, i64, i32) -> i32', 'Reads at a position.'),
  fd_prestat_get: is(
    '(i32, i32) -> i32',
    'Whether a descriptor is a folder that is open from the start, and how long its name is: the folders of the policy from 3 on, then the private `/tmp`.',
  ),
  fd_prestat_dir_name: is('(i32, i32, i32) -> i32', 'The name of a folder that is open from the start: its path.'),
  fd_pwrite: is('(i32, i32, i32, i64, i32) -> i32', 'Writes at a position.'),
  fd_read: is('(i32, i32, i32, i32) -> i32', 'Reads from where the file stands; standard input is empty.'),
  fd_readdir: is('(i32, i32, i32, i64, i32) -> i32', 'Lists a folder. Only `.` and what lies in `/tmp` have an inode; that of others is 0, unknown.'),
  fd_renumber: is('(i32, i32) -> i32', 'Gives a descriptor another number.'),
  fd_seek: is('(i32, i64, i32, i32) -> i32', 'Moves in a file.'),
  fd_sync: is('(i32) -> i32', 'Writes a file through.'),
  fd_tell: is('(i32, i32) -> i32', 'The position in a file.'),
  fd_write: is('(i32, i32, i32, i32) -> i32', 'Writes to where the file stands; standard output and standard error are logs.'),
  path_create_directory: is('(i32, i32, i32) -> i32', 'Makes a folder.'),
  path_filestat_get: is('(i32, i32, i32, i32, i32) -> i32', 'Size and times of a file by its path.'),
  path_filestat_set_times: is('(i32, i32, i32, i32, i64, i64, i32) -> i32', 'Sets the times of a file by its path, to 1 ms.'),
  path_link: is('(i32, i32, i32, i32, i32, i32, i32) -> i32', 'Hard links are not made (58).'),
  path_open: is('(i32, i32, i32, i32, i32, i64, i64, i32, i32) -> i32', 'Opens a file or a folder. To make or to empty a file is to write.'),
  path_readlink: is('(i32, i32, i32, i32, i32, i32) -> i32', 'Where a link leads is not told (28).'),
  path_remove_directory: is('(i32, i32, i32) -> i32', 'Removes a folder.'),
  path_rename: is('(i32, i32, i32, i32, i32, i32) -> i32', 'Renames a file.'),
  path_symlink: is('(i32, i32, i32, i32, i32) -> i32', 'Links are not made (58).'),
  path_unlink_file: is('(i32, i32, i32) -> i32', 'Removes a file.'),
  poll_oneoff: is('(i32, i32, i32, i32) -> i32', 'There is nothing to wait for (52).'),
  proc_exit: is('(i32) -> ()', 'Ends the call; any code but 0 is an error.'),
  proc_raise: is('(i32) -> i32', 'Raises a signal: there are none.'),
  random_get: is('(i32, i32) -> i32', 'Fills a buffer with random bytes.'),
  sched_yield: is('() -> i32', 'Does nothing.'),
  sock_accept: is('(i32, i32, i32) -> i32', 'There are no sockets (57).'),
  sock_recv: is('(i32, i32, i32, i32, i32, i32) -> i32', 'There are no sockets (57).'),
  sock_send: is('(i32, i32, i32, i32, i32) -> i32', 'There are no sockets (57).'),
  sock_shutdown: is('(i32, i32) -> i32', 'There are no sockets (57).'),
} as const satisfies HostFunctions;

/** The names under which modules import them. */
export const importModules = { extism: 'extism:host/env', vivarium: 'extism:host/user', wasi: 'wasi_snapshot_preview1' } as const;

/** Functions by module and name. */
export type AllowedImports = ReadonlyMap<string, ReadonlyMap<string, HostFunction>>;

/** @param grants `wasi`: whether the manifest of the actor says so. */
export function allowedImports({ wasi }: { readonly wasi: boolean }): AllowedImports {
  const allowed = new Map([
    [importModules.extism as string, new Map<string, HostFunction>(Object.entries(extismFunctions))],
    [importModules.vivarium, new Map<string, HostFunction>(Object.entries(vivariumFunctions))],
  ]);
  if (wasi) allowed.set(importModules.wasi, new Map<string, HostFunction>(Object.entries(wasiFunctions)));
  return allowed;
}

/** What helps the author of a module that imports something else. */
export function importHint(module: string): string {
  if (module === importModules.wasi) return 'Write `wasi: true` at the actor, or build the plugin without WASI.';
  if (module === 'env') return 'AssemblyScript: compile with `--use abort=FILE/abort`. Elsewhere: link against an Extism PDK instead of JavaScript glue.';
  if (module === 'extism:env') return 'Build the plugin with an Extism PDK of version 1 or later.';
  return 'docs/reference/wasm-imports.md lists what a module may import.';
}
