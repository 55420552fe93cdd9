/**
 * Two runs of the same programs beside each other: the first place where they differ, and within one run, octets that arrived otherwise
 * than they were sent.
 *
 * @module
 */
import { BLOCK, type LoggedCall } from './call-log.ts'
import { type Lane, type LaneSteps, lanesOf, type Step } from './transcript.ts'

/** What the programs of one run did. */
export interface Run {
  readonly backend: string
  readonly programs: readonly ProgramRun[]
}

export interface ProgramRun {
  readonly name: string
  readonly calls: readonly LoggedCall[]
  /** What it printed, and how it ended. */
  readonly output: readonly string[]
}

export interface Divergence {
  readonly program: string
  /** `tcp 2`, or `output`. */
  readonly socket: string
  readonly lane: Lane | 'output'
  /** The number of the call in the log of the first backend that has it. */
  readonly call: number
  /** What was the same just before, if anything was. */
  readonly before: readonly string[]
  /** By backend: what came then. */
  readonly saw: readonly { readonly backend: string; readonly what: string }[]
}

/** The first difference to the first run, or null. */
export function firstDivergence(reference: Run, other: Run): Divergence | null {
  const found: Divergence[] = []
  for (const [index, program] of reference.programs.entries()) {
    const counterpart = other.programs[index] as ProgramRun
    const here = lanesOf(program.name, program.calls)
    const there = lanesOf(counterpart.name, counterpart.calls)
    for (const lane of [...here, ...there.filter((each) => laneOf(here, each) === undefined)]) {
      const divergence = inLane(
        reference,
        other,
        lane,
        laneOf(here, lane)?.steps ?? [],
        laneOf(there, lane)?.steps ?? [],
      )
      if (divergence !== null) found.push(divergence)
    }
  }
  found.sort((one, two) => one.call - two.call)
  return found[0] ?? inOutput(reference, other)
}

function laneOf(lanes: readonly LaneSteps[], { socket, lane }: LaneSteps): LaneSteps | undefined {
  return lanes.find((each) => each.socket === socket && each.lane === lane)
}

const NOTHING = 'nothing more'
const MOST_BEFORE = 3

function inLane(
  reference: Run,
  other: Run,
  { program, socket, lane }: LaneSteps,
  here: readonly Step[],
  there: readonly Step[],
): Divergence | null {
  const most = Math.max(here.length, there.length)
  for (let place = 0; place < most; place++) {
    const [one, two] = [here[place], there[place]]
    if (one?.text === two?.text) continue
    return {
      program,
      socket,
      lane,
      call: (one ?? two)?.order ?? 0,
      before: here.slice(Math.max(0, place - MOST_BEFORE), place).map(({ text }) => text),
      saw: [
        { backend: reference.backend, what: one?.text ?? NOTHING },
        { backend: other.backend, what: two?.text ?? NOTHING },
      ],
    }
  }
  return null
}

function inOutput(reference: Run, other: Run): Divergence | null {
  for (const [index, { name, output, calls }] of reference.programs.entries()) {
    const theirs = other.programs[index]?.output ?? []
    const place = Array.from({ length: Math.max(output.length, theirs.length) }).findIndex(
      (_, line) => output[line] !== theirs[line],
    )
    if (place === -1) continue
    return {
      program: name,
      socket: 'output',
      lane: 'output',
      call: calls.length,
      before: output.slice(Math.max(0, place - MOST_BEFORE), place),
      saw: [
        { backend: reference.backend, what: output[place] ?? NOTHING },
        { backend: other.backend, what: theirs[place] ?? NOTHING },
      ],
    }
  }
  return null
}

/** Within one run: the first stream that arrived otherwise than it was written, or null. */
export function firstCorruption({ backend, programs }: Run): Divergence | null {
  const streams = programs.flatMap(streamsOf)
  for (const sent of streams) {
    if (sent.direction !== 'write') continue
    const got = streams.find(({ direction, key }) => direction === 'read' && key === sent.key)
    if (got === undefined) continue
    const whole = Math.floor(Math.min(got.octets, sent.octets) / BLOCK)
    const place = got.blocks.findIndex((hash, index) => {
      const isComplete = index < whole || got.octets === sent.octets
      return isComplete && sent.blocks[index] !== undefined && sent.blocks[index] !== hash
    })
    if (place === -1 && got.octets <= sent.octets) continue
    const at = place === -1 ? sent.octets : place * BLOCK
    return {
      program: got.program,
      socket: got.socket,
      lane: 'in',
      call: got.call,
      before: [],
      saw: [
        { backend: `written (${backend})`, what: `${sent.octets} octets, by ${sent.program}, ${sent.socket}` },
        { backend: `read (${backend})`, what: `${got.octets} octets, different from octet ${at} on` },
      ],
    }
  }
  return null
}

interface Stream {
  readonly program: string
  readonly socket: string
  readonly direction: 'read' | 'write'
  /** The same for what one end writes and the other reads. */
  readonly key: string
  readonly call: number
  octets: number
  readonly blocks: number[]
}

function streamsOf({ name, calls }: ProgramRun): Stream[] {
  const client = new Map<string, string>()
  const server = new Map<string, string>()
  const streams = new Map<string, Stream>()
  for (const [order, { socket, call, detail, octets = 0, blocks = [] }] of calls.entries()) {
    if (call === 'connected') client.set(socket, detail.replace('from ', ''))
    const accepted = call === 'accept' ? /^(tcp \d+) from (.*)$/.exec(detail) : null
    if (accepted !== null) server.set(accepted[1] as string, accepted[2] as string)
    if (call !== 'read' && call !== 'write') continue
    const flow = client.get(socket) ?? server.get(socket)
    if (flow === undefined) continue
    const isUp = client.has(socket) === (call === 'write')
    const id = `${socket} ${call}`
    const stream = streams.get(id) ?? {
      program: name,
      socket,
      direction: call,
      key: `${flow} ${isUp ? 'up' : 'down'}`,
      call: order,
      octets: 0,
      blocks: [],
    }
    streams.set(id, stream)
    stream.octets += octets
    stream.blocks.push(...blocks)
  }
  return [...streams.values()]
}
