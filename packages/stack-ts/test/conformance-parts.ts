/**
 * The suite in parts that take about the same time, each a file of its own, so that they are run side by side. What no part names is in
 * the last one.
 */
import { SUITES } from '@ioth/conformance'

const names = Object.keys(SUITES)

export const STREAMS: readonly string[] = ['TCP: streams', 'TCP: windows', 'TCP: options']
export const CONNECTIONS: readonly string[] = [
  'one host alone',
  ...names.filter((name) => name.startsWith('TCP: ') && !STREAMS.includes(name)),
  'backpressure',
  'readiness',
  'socket model',
  'time and turns',
  'resources',
  'counters',
]
export const HOSTILE: readonly string[] = [...names.filter((name) => name.startsWith('hostile ')), 'floods']
export const NETWORK: readonly string[] = names.filter(
  (name) => ![...STREAMS, ...CONNECTIONS, ...HOSTILE].includes(name),
)
