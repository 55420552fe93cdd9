/**
 * The packages under measurement, as they are shipped: the built ones. `npm run bench` builds what is older than its sources.
 */
export * as core from '../packages/core/dist/index.js'
export * as streams from '../packages/core/dist/node.js'
export { bindNode } from '../packages/node/dist/index.js'
export { backend as ts } from '../packages/stack-ts/dist/index.js'
export { createSwitch, openVnl } from '../packages/vde/dist/index.js'
