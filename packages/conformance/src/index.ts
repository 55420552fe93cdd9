/**
 * `@ioth/conformance`: the suite every stack is held against, and what it is made of.
 *
 * @module
 */
export * from './checker/index.ts'
export * from './craft/craft.ts'
