/**
 * `@ioth/node`: any stack as Node's own `net`, `http`, `https`, `http2`, `tls`, `dgram`, `dns`, `fetch` and `WebSocket`.
 *
 * @module
 */
export { type BoundModules, bindNode, type WebSocketClass } from './bind-node.ts'
export { announceLink } from './implicit/announce-link.ts'
export { becomeNode, type NodeOptions } from './implicit/become-node.ts'
export type { Children, NodeDescription } from './implicit/description.ts'
export { environmentFor } from './implicit/inheritance.ts'
export { nodeOptionsForPreload } from './node-options.ts'
export { type NodeStack, nodeStack, runInStack, setProcessStack } from './process-stack.ts'
export { checkPolicy, type PolicyOptions, policyToEnvironment, readReport } from './rules/policy.ts'
