/**
 * Keeps transfers from collecting all of V8's garbage again and again.
 *
 * V8 collects young objects when those on its heap fill their space, whatever octets they stand for, up to 32 MB of them. But these octets
 * count against the limit that starts a full collection, and in a program with 8 to 12 MB on the heap (on Node 24: in any) they pass it
 * first: one full collection every 15 MB of a transfer, which costs the processor as much as the transfer. Octets with a shadow on the
 * heap, a quarter of their size, are collected while they are young.
 *
 * @module
 */

/** The last shadow, held so that the compiler cannot leave it out. */
const held: { shadow: readonly unknown[] } = { shadow: [] }

/** To be called for each piece of fresh memory that a transfer takes. */
export function castShadow(octets: number): void {
  // An element has eight octets on Node, and four where pointers are compressed.
  held.shadow = new Array(octets >> 5)
}
