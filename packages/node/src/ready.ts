/**
 * For programs that have no main script (`node -e`, standard input, `node --test`): `--import @ioth/node/ready` beside the preload
 * lets them begin when the node is up.
 *
 * @module
 */
await (globalThis as Record<symbol, unknown>)[Symbol.for('@ioth/node/started')]
