/**
 * Commands that run until somebody stops them.
 *
 * @module
 */

/** Settles with the first signal that asks this process to end; a second one ends it at once. */
export function untilStopped(): Promise<NodeJS.Signals> {
  return new Promise((settle) => {
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
    const stop = (signal: NodeJS.Signals): void => {
      for (const each of signals) process.off(each, stop)
      clearInterval(alive)
      settle(signal)
    }
    // Some commands have nothing else that would keep the process alive.
    const alive = setInterval(() => {}, 2 ** 30)
    for (const each of signals) process.on(each, stop)
  })
}
