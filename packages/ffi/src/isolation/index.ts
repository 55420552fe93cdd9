/**
 * Stacks in helper processes.
 *
 * @module
 */
export { builtFile } from './helper-process.ts'
export { createRemoteStack, type RemoteStackOptions, remoteCapabilities } from './remote-stack.ts'
