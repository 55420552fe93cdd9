/**
 * What a program can see of a stack, and why it is so; also what does not work yet. Each is told in docs/compatibility.md; any other difference is a failure.
 */

/** @type {readonly { feature: string, reason: string }[]} */
export const differences = [
  {
    feature: 'cluster, two workers: rr',
    reason:
      'a defect of ours: a connection from the primary process to its own workers can be reset on its way to a worker',
  },
]
