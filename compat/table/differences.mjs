/**
 * What a program can see of a stack, and why it is so. Each is told in docs/compatibility.md; any other difference is a failure.
 */

/** @type {readonly { feature: string, reason: string }[]} */
export const differences = []
