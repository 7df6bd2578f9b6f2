/** `extism:host/env` save its memory and HTTP: config, variables, logs. */
import { textLimits } from '../limits.ts';
import { hostError } from '../guest/failure.ts';
import type { Kernel } from '../guest/kernel.ts';
import type { LogLevel } from '../protocol.ts';
import type { Blocks } from './blocks.guest.ts';
import type { Functions } from './caller.guest.ts';
import { toShow, toUtf8 } from './text.guest.ts';

/** What the variables of one instance may hold, names included. Bytes. */
const mostVariableBytes = 1024 * 1024;

/** `trace`: a plugin that asks first is told that everything is logged; the actor's log budget decides. */
const logLevel = 0;

export function createEnvironment(kernel: Kernel, blocks: Blocks): Functions {
  let config: ReadonlyMap<string, string> | undefined;
  const variables = new Map<string, Uint8Array>();
  let variableBytes = 0;

  const log =
    (level: LogLevel) =>
    (offset: bigint): void => {
      // A character has four bytes at most.
      kernel.log(level, toShow(blocks.read(offset).subarray(0, textLimits.log * 4)));
    };

  const forget = (name: string): void => {
    const value = variables.get(name);
    if (value === undefined) return;
    variables.delete(name);
    variableBytes -= name.length + value.length;
  };

  return {
    config_get(key: bigint): bigint {
      config ??= configOf(kernel);
      const value = config.get(toShow(blocks.read(key)));
      return value === undefined ? 0n : blocks.write(toUtf8(value));
    },

    var_get(key: bigint): bigint {
      const value = variables.get(toShow(blocks.read(key)));
      return value === undefined ? 0n : blocks.write(value);
    },

    var_set(key: bigint, offset: bigint): void {
      const name = toShow(blocks.read(key));
      const value = offset === 0n ? undefined : blocks.read(offset);
      forget(name);
      if (value === undefined) return;
      if (variableBytes + name.length + value.length > mostVariableBytes) {
        throw hostError(
          'limit.memory',
          `the variables of a plugin hold at most ${mostVariableBytes} bytes`,
          'variables are a cache: keep what is large elsewhere',
        );
      }
      variables.set(name, value);
      variableBytes += name.length + value.length;
    },

    log_trace: log('debug'),
    log_debug: log('debug'),
    log_info: log('info'),
    log_warn: log('warn'),
    log_error: log('error'),
    get_log_level: (): number => logLevel,
  };
}

/** The manifest's `config`, strings as they are and everything else as JSON, the environment that was granted, and `secrets.NAME`. */
function configOf({ settings }: Kernel): ReadonlyMap<string, string> {
  const config = new Map(Object.entries(settings.environment));
  if (typeof settings.config === 'object' && settings.config !== null)
    for (const [key, value] of Object.entries(settings.config)) config.set(key, typeof value === 'string' ? value : JSON.stringify(value));
  for (const [name, placeholder] of Object.entries(settings.secrets)) config.set(`secrets.${name}`, placeholder);
  return config;
}
