/**
 * The suite catches what it is there for: a sound stack, made wrong in one way at a time, must fail the test that is named, with what is
 * needed to look into it.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import {
  type ByteSink,
  END,
  READABLE,
  type Stack,
  type StackOptions,
  type TcpSocket,
  WOULD_BLOCK,
  WRITABLE,
} from '@ioth/core'
import { backend } from '@ioth/stack-ts'
import { describe, expect, it } from 'vitest'
import { SUITES, Suite } from '../src/index.ts'

// A defect ends the runs of its property; rare ones need some.
process.env.IOTH_RUNS ??= '100'

/** Changes a stack, or the sockets it opens and accepts. */
interface Defect {
  /** Before the stack is made. */
  readonly before?: (options: StackOptions) => void
  readonly stack?: (stack: Stack) => void
  readonly socket?: (socket: TcpSocket, options: StackOptions) => void
}

function withDefect({ before, stack: changeStack, socket: changeSocket }: Defect): Suite['subject']['create'] {
  return async (options) => {
    before?.(options)
    const stack = await backend.createStack(options)
    changeStack?.(stack)
    if (changeSocket !== undefined) {
      const openTcp = stack.openTcp.bind(stack)
      stack.openTcp = (family) => {
        const socket = openTcp(family)
        changeSocket(socket, options)
        const listen = socket.listen.bind(socket)
        socket.listen = (backlog) => {
          const listener = listen(backlog)
          const accept = listener.accept.bind(listener)
          listener.accept = () => {
            const accepted = accept()
            if (accepted !== null) changeSocket(accepted, options)
            return accepted
          }
          return listener
        }
        return socket
      }
    }
    return stack
  }
}

/** Runs the tests of the suite whose names begin so, and gives the first failure. */
async function failureOf(test: string, defect: Defect): Promise<string> {
  const bodies: (() => Promise<void> | void)[] = []
  const collect = (name: string, body: () => Promise<void> | void): void => {
    if (name.startsWith(test)) bodies.push(body)
  }
  const create = withDefect(defect)
  const suite = new Suite(
    { name: 'planted', backend, ...(create === undefined ? {} : { create }) },
    { test: collect, fails: collect, skip: () => {} },
  )
  for (const register of Object.values(SUITES)) register(suite)
  expect(bodies.length, `tests that begin with "${test}"`).toBeGreaterThan(0)
  for (const body of bodies) {
    try {
      await body()
    } catch (error) {
      return (error as Error).message
    }
  }
  return 'no failure'
}

/** An octet in the middle of the stream is changed on its way to the program. */
const changedOctet: Defect = {
  socket: (socket) => {
    const read = socket.read.bind(socket)
    let total = 0
    socket.read = (into, offset, length) => {
      const count = read(into, offset, length)
      if (count > 0 && total < 700 && total + count >= 700) into[offset + 700 - total - 1]! ^= 1
      if (count > 0) total += count
      return count
    }
    const lend = socket.lend.bind(socket)
    socket.lend = (max, sink) => {
      const changed: ByteSink = {
        bytes: (memory, offset, length) => {
          const copy = memory.slice(offset, offset + length)
          if (total < 700 && total + length >= 700) copy[700 - total - 1]! ^= 1
          total += length
          return sink.bytes(copy, 0, length)
        },
      }
      return lend(max, changed)
    }
  },
}

/** The end of the stream is told before the last octets. */
const earlyEnd: Defect = {
  socket: (socket) => {
    const read = socket.read.bind(socket)
    let total = 0
    socket.read = (into, offset, length) => {
      if (total > 1000) return END
      const count = read(into, offset, length)
      if (count > 0) total += count
      return count
    }
  },
}

/** The send buffer takes octets and loses them. */
const lostWrite: Defect = {
  socket: (socket) => {
    const write = socket.write.bind(socket)
    let calls = 0
    socket.write = (from, offset, length) => (++calls === 3 ? length : write(from, offset, length))
  },
}

/** After the first read READABLE is taken back although there is more. */
const lostWakeUp: Defect = {
  socket: (socket) => {
    const read = socket.read.bind(socket)
    socket.read = (into, offset, length) => {
      const count = read(into, offset, length)
      socket.lower(READABLE)
      return count
    }
  },
}

const untruthful: Defect = {
  socket: (socket) => {
    const read = socket.read.bind(socket)
    let calls = 0
    socket.read = (into, offset, length) => (++calls === 2 ? WOULD_BLOCK : read(into, offset, length))
  },
}

const frameInsideWrite: Defect = {
  stack: (stack) => {
    const openTcp = stack.openTcp.bind(stack)
    stack.openTcp = (family) => {
      const socket = openTcp(family)
      const write = socket.write.bind(socket)
      socket.write = (from, offset, length) => {
        const count = write(from, offset, length)
        stack.flush()
        return count
      }
      return socket
    }
  },
}

const upcallInsideCall: Defect = {
  socket: (socket) => {
    const write = socket.write.bind(socket)
    socket.write = (from, offset, length) => {
      const count = write(from, offset, length)
      if ((socket.ready & socket.interest & WRITABLE) !== 0) socket.onReady?.(socket, WRITABLE)
      return count
    }
  },
}

/** Each connection costs a slot of the pool for good. */
const leak: Defect = {
  socket: (socket, { pool }) => {
    const connect = socket.connect.bind(socket)
    socket.connect = (address, port) => {
      pool.take(100)
      connect(address, port)
    }
  },
}

/** An abort that is a close: the peer takes it for the end of the stream. */
const gentleReset: Defect = {
  socket: (socket) => {
    socket.reset = () => socket.close()
  },
}

/** The end of the stream is never sent, on port 80. */
const deafShutdown: Defect = {
  socket: (socket) => {
    const shutdown = socket.shutdown.bind(socket)
    socket.shutdown = () => {
      if (socket.localPort !== 80 && socket.remotePort !== 80) shutdown()
    }
  },
}

/** An option that is taken, and does nothing. */
const idleOption: Defect = {
  socket: (socket) => {
    socket.getOption = () => 0
  },
}

const connectTwice: Defect = {
  socket: (socket) => {
    const connect = socket.connect.bind(socket)
    let calls = 0
    socket.connect = (address, port) => {
      if (calls++ === 0) connect(address, port)
    }
  },
}

let stacksMade = 0
/** No two runs draw the same random numbers. */
const ownRandomness: Defect = {
  before: ({ scheduler }) => {
    for (let i = stacksMade++; i >= 0; i--) scheduler.random.int32()
  },
}

describe('a planted defect fails the test that is there for it', () => {
  it.each<[string, string, Defect, RegExp]>([
    ['a changed octet', 'P-01 stream integrity on', changedOctet, /stream 0: octet 699 is \d+, \d+ was written there/],
    ['an early end', 'P-01 stream integrity on', earlyEnd, /end of stream after \d+ octets/],
    ['a lost write', 'P-01 stream integrity on', lostWrite, /octet \d+ is|end of stream after \d+ octets of/],
    ['a lost wake-up', 'P-01 stream integrity on', lostWakeUp, /still waiting for client/],
    ['READABLE that is not true', 'P-01 stream integrity on', untruthful, /read found nothing although READABLE/],
    ['a frame inside a call', 'no call emits a frame', frameInsideWrite, /frames inside write/],
    ['an upcall inside a call', 'P-01 stream integrity on', upcallInsideCall, /an upcall runs inside a call/],
    ['a slot that is never given back', 'P-11 after all', leak, /"slots": \d+|slots/],
    ['an abort that is a close', 'P-23', gentleReset, /waiting for \w+ to (hear of the reset|have nothing to accept)/],
    ['a shutdown that sends nothing', 'P-23', deafShutdown, /waiting for \w+ to be readable/],
    ['an option that is a silent no-op', 'P-23', idleOption, /noDelay of \w+ was set to 1 and is 0/],
    ['a second connect that is taken', 'P-23', connectTwice, /connect: no error, the model says (EISCONN|EALREADY)/],
    ['randomness of its own', 'P-24', ownRandomness, /frame \d+ differs|expected \d+ to be \d+/],
  ])('%s', async (_name, test, defect, message) => {
    expect(await failureOf(test, defect)).toMatch(message)
  })
})

describe('a socket program that fails', () => {
  it('shrinks to the fewest calls, and tells how to run just them again', async () => {
    const text = await failureOf('P-23', deafShutdown)
    // The shutdown, and nothing beside it.
    expect(text).toMatch(/counterexample: shutdown\([12], \d+\) /)
    expect(text).toMatch(/replay: IOTH_SEED=1 IOTH_PATH=[\d:]+ IOTH_COMMANDS=\S+ npx vitest run -t "P-23/)
  })
})

describe('a failure tells what is needed to look into it', () => {
  it('seed, path, the smallest counterexample, and captures that are there', async () => {
    const text = await failureOf('P-01 stream integrity on', changedOctet)
    expect(text).toMatch(/property: P-01 .*, shrunk \d+ times/)
    expect(text).toMatch(/counterexample: \{"client":/)
    expect(text).toMatch(/replay: IOTH_SEED=1 IOTH_PATH=[\d:]+ npx vitest run -t "P-01/)
    const files = Array.from(text.matchAll(/capture of ([ab]): (\S+)/g), ([, host, path]) => ({
      host,
      path: path as string,
    }))
    expect(files.map(({ host }) => host)).toEqual(['a', 'b'])
    for (const { path } of files) {
      expect(existsSync(path)).toBe(true)
      expect(readFileSync(path).readUInt32BE(0)).toBe(0xa1b2c3d4)
      rmSync(path)
    }
  })
})
