/**
 * The part of the WebAssembly JavaScript interface that the frame pool uses, declared here because neither the ECMAScript nor the Node
 * type libraries have it, and a host may lack it.
 *
 * @module
 */

export interface WasmMemory {
  /** Replaced, and the old one detached, when the memory grows. */
  readonly buffer: ArrayBuffer
  /** @param pages 64 KiB pages to add. @throws RangeError when there is no room. */
  grow(pages: number): number
}

interface WebAssemblyHost {
  readonly Memory: new (limits: { initial: number; maximum: number }) => WasmMemory
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> }
}

/** Undefined where the host has none. Where a content policy refuses it, its constructors throw. */
export const webAssembly: WebAssemblyHost | undefined = (globalThis as { WebAssembly?: WebAssemblyHost }).WebAssembly
