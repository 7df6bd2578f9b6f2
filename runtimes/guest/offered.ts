/**
 * What of the bootstrap a script has that is loaded beside it: the script of WASM, see build/wasm.ts. With copies of its own an error that
 * it throws would be none that the bootstrap knows, and V8 would compile the codec of messages once more.
 */
export { writeBinary } from '../../sdk/codec/binary-writer.ts';
export { readUtf8, utf8Length, writeUtf8 } from '../../sdk/codec/utf8.ts';
export { VivariumError } from '../../sdk/errors.ts';
export { bytesOf, bytesToText, decodeGuest, decodeReply, encodeGuest } from './codec.ts';
export { describe, HostError, hostError } from './failure.ts';
