import { defineProperty } from './captured.ts';

/** The constants of the class with, where one is still thrown, the name whose `code` they are. */
const legacyCodes: readonly (readonly [constant: string, name?: string])[] = [
  ['INDEX_SIZE_ERR', 'IndexSizeError'],
  ['DOMSTRING_SIZE_ERR'],
  ['HIERARCHY_REQUEST_ERR', 'HierarchyRequestError'],
  ['WRONG_DOCUMENT_ERR', 'WrongDocumentError'],
  ['INVALID_CHARACTER_ERR', 'InvalidCharacterError'],
  ['NO_DATA_ALLOWED_ERR'],
  ['NO_MODIFICATION_ALLOWED_ERR', 'NoModificationAllowedError'],
  ['NOT_FOUND_ERR', 'NotFoundError'],
  ['NOT_SUPPORTED_ERR', 'NotSupportedError'],
  ['INUSE_ATTRIBUTE_ERR', 'InUseAttributeError'],
  ['INVALID_STATE_ERR', 'InvalidStateError'],
  ['SYNTAX_ERR', 'SyntaxError'],
  ['INVALID_MODIFICATION_ERR', 'InvalidModificationError'],
  ['NAMESPACE_ERR', 'NamespaceError'],
  ['INVALID_ACCESS_ERR', 'InvalidAccessError'],
  ['VALIDATION_ERR'],
  ['TYPE_MISMATCH_ERR', 'TypeMismatchError'],
  ['SECURITY_ERR', 'SecurityError'],
  ['NETWORK_ERR', 'NetworkError'],
  ['ABORT_ERR', 'AbortError'],
  ['URL_MISMATCH_ERR', 'URLMismatchError'],
  ['QUOTA_EXCEEDED_ERR', 'QuotaExceededError'],
  ['TIMEOUT_ERR', 'TimeoutError'],
  ['INVALID_NODE_TYPE_ERR', 'InvalidNodeTypeError'],
  ['DATA_CLONE_ERR', 'DataCloneError'],
];

const codes: Record<string, number> = Object.create(null);

/** Whether an object was made by the constructor below. */
export let isDOMException: (value: object) => value is DOMException;

/**
 * The exception of the web platform: told apart by its `name`, not by its class.
 *
 * @example throw new DOMException('This operation was aborted', 'AbortError');
 */
export class DOMException extends Error {
  readonly #message: string;
  readonly #name: string;

  static {
    isDOMException = (value): value is DOMException => #name in value;
  }

  constructor(message: unknown = '', options: unknown = 'Error') {
    const details = typeof options === 'object' && options !== null ? (options as { name?: unknown; cause?: unknown }) : { name: options };
    const text = `${message}`;
    super(text, 'cause' in details ? { cause: details.cause } : undefined);
    // V8 has noted it for the stack; what is read is the accessor of the prototype.
    delete (this as { message?: string }).message;
    this.#message = text;
    this.#name = details.name === undefined ? 'Error' : `${details.name}`;
  }

  override get name(): string {
    return this.#name;
  }

  override get message(): string {
    return this.#message;
  }

  get code(): number {
    return codes[this.#name] ?? 0;
  }

  get [Symbol.toStringTag](): string {
    return 'DOMException';
  }
}

legacyCodes.forEach(([constant, name], index) => {
  const descriptor = { value: index + 1, enumerable: true };
  defineProperty(DOMException, constant, descriptor);
  defineProperty(DOMException.prototype, constant, descriptor);
  if (name !== undefined) codes[name] = index + 1;
});
