/**
 * `@ioth/node`: any stack as Node's own `net`, `http`, `https`, `tls`, `dgram` and `dns`.
 *
 * @module
 */
export { type BoundModules, bindNode } from './bind-node.ts'
export { announceLink } from './implicit/announce-link.ts'
export { becomeNode, type NodeOptions } from './implicit/become-node.ts'
export { runInStack, setProcessStack } from './process-stack.ts'
