/**
 * What a program saw, put so that two runs can be compared: socket by socket, and of each socket its life, its input and its output apart,
 * for how these interleave is a matter of time. Ports of a stack's own choice are written as `*`, and neighbouring reads are one.
 *
 * @module
 */
import type { LoggedCall } from './call-log.ts'

export type Lane = 'life' | 'in' | 'out'

/** One thing that happened. */
export interface Step {
  /** The program, the socket, and the lane. */
  readonly program: string
  readonly socket: string
  readonly lane: Lane
  /** What, and how it ended. */
  readonly text: string
  /** The number of its call in the program's log, the first of several that are one. */
  readonly order: number
}

/** The steps of one lane, in order. */
export interface LaneSteps {
  readonly program: string
  readonly socket: string
  readonly lane: Lane
  readonly steps: readonly Step[]
}

const LANES: Readonly<Record<string, Lane>> = { read: 'in', receive: 'in', write: 'out', send: 'out', shutdown: 'out' }
const END = 'read -> end of stream'
/** From here on a port was chosen by a stack. */
const EPHEMERAL = 32_768

/** @param program its name in messages. */
export function lanesOf(program: string, calls: readonly LoggedCall[]): LaneSteps[] {
  const lanes = new Map<string, Step[]>()
  const flows = new Map<string, { octets: number; index: number }>()
  for (const [order, call] of calls.entries()) {
    const { socket } = call
    const lane = LANES[call.call] ?? 'life'
    const key = `${socket} ${lane}`
    const steps = lanes.get(key) ?? []
    lanes.set(key, steps)
    const isFlow = (call.call === 'read' || call.call === 'write') && call.result === 'ok'
    const flow = flows.get(key)
    if (isFlow && flow !== undefined) {
      flow.octets += call.octets ?? 0
      steps[flow.index] = { ...(steps[flow.index] as Step), text: flowText(call.call, flow.octets) }
      continue
    }
    if (isFlow) flows.set(key, { octets: call.octets ?? 0, index: steps.length })
    else flows.delete(key)
    const text = isFlow ? flowText(call.call, call.octets ?? 0) : textOf(call)
    steps.push({ program, socket, lane, text, order })
  }
  return [...lanes].map(([key, steps]) => {
    const [lane] = key.split(' ').slice(-1) as [Lane]
    const socket = key.slice(0, -lane.length - 1)
    if (lane === 'life') return { program, socket, lane, steps: settled(steps) }
    const isClosed = lane === 'in' && (lanes.get(`${socket} life`) ?? []).some(({ text }) => text === 'close')
    return { program, socket, lane, steps: isClosed ? withoutEnd(steps) : steps }
  })
}

/** Whether the end of a stream is seen before a program closes by itself, as clients do that have their answer, is a matter of time. */
function withoutEnd(steps: readonly Step[]): readonly Step[] {
  return steps.at(-1)?.text === END ? steps.slice(0, -1) : steps
}

function flowText(call: string, octets: number): string {
  return `${call} ${octets} octets`
}

function textOf({ call, detail, result, octets }: LoggedCall): string {
  const words = [call, withoutOwnPorts(call, detail), octets === undefined ? '' : `${octets} octets`]
  const outcome = result === 'ok' ? '' : ` -> ${result === 'end' ? 'end of stream' : result}`
  return `${words.filter((word) => word !== '').join(' ')}${outcome}`
}

function withoutOwnPorts(call: string, detail: string): string {
  if (call === 'bind' || call === 'connect') return detail
  return detail.replace(/ (\d+)$/, (whole, port) => (Number(port) >= EPHEMERAL ? ' *' : whole))
}

/** How long a socket lingers after its last call depends on acknowledgements and on the end of the program: not compared. */
function settled(steps: readonly Step[]): readonly Step[] {
  return steps.filter(({ text }) => text !== 'closed')
}
