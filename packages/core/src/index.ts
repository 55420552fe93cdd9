/**
 * `@ioth/core`: the contract of the Internet of Threads, and what every backend shares.
 *
 * @module
 */
/// <reference lib="esnext.disposable" preserve="true" />
export * from './address/index.ts'
export * from './api/index.ts'
export * from './calls/index.ts'
export * from './config/index.ts'
export * from './contract/index.ts'
export * from './errors/index.ts'
export * from './frame/index.ts'
export * from './links/index.ts'
export * from './ports/index.ts'
export * from './time/index.ts'
