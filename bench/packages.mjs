/**
 * The packages under measurement, as they are shipped: the built ones. `npm run bench` builds what is older than its sources.
 *
 * The larger ones are loaded by who measures them: what a process has loaded decides how often V8 collects garbage, see `contestant.mjs`.
 */
export * as core from '../packages/core/dist/index.js'
export * as streams from '../packages/core/dist/node.js'
export { backend as ts } from '../packages/stack-ts/dist/index.js'

export const loadNode = () => import('../packages/node/dist/index.js')
export const loadVde = () => import('../packages/vde/dist/index.js')
