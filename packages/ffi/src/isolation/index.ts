/**
 * Stacks in helper processes.
 *
 * @module
 */
export { createIsolatedStack, type IsolatedSettings, type IsolatedStackOptions } from './isolated-stack.ts'
export { createRemoteStack, type RemoteStackOptions, remoteCapabilities } from './remote-stack.ts'
