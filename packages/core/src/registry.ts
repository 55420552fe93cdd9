/**
 * `@ioth/core/registry`: backends by name, and stacks from a configuration. For Node; the package's root is for every host.
 *
 * @module
 */
export { createNode, type NodeOfStack } from './registry/create-node.ts'
export { createStack, type StackOverrides } from './registry/create-stack.ts'
export { type FoundBackend, findBackends } from './registry/find-backends.ts'
export { KNOWN_BACKENDS, loadBackend, type SearchOptions } from './registry/load-backend.ts'
export { type ManifestRow, manifestTable } from './registry/manifest-table.ts'
export { searchFolders } from './registry/module-search.ts'
