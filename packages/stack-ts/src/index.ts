/**
 * `@ioth/stack-ts`: a TCP/IP stack in TypeScript, without input or output of its own: time, randomness, memory and links are handed in.
 *
 * @module
 */
export { backend, backend as default, createStack, type TsStackOptions } from './backend.ts'
export type { TsSettings } from './settings.ts'
export { traceSocket } from './sockets/trace-socket.ts'
export type { TcpOptions } from './tcp/settings.ts'
export { formatTrace, type TracedSegment, type TracedState, type TracedTimer, type TraceEvent } from './tcp/trace.ts'
