/**
 * One switch for a directory, also when several start at once, and also when the one before was killed and left its socket behind.
 *
 * Each starter listens on a socket with a name of its own that is never used again (its candidacy), and only then looks at the others.
 * A candidacy whose process is gone refuses connections and is removed: nobody can take its name, so nothing alive is ever removed.
 * Of living candidates the one with the lowest name goes on, once the others have withdrawn or one of them turns out to be seated
 * already; a candidate that sees a lower one withdraws. So of any two at least one sees the other in time (as in Dekker's algorithm).
 * The winner looks whether a switch answers at `stream`, and if not, renames its candidacy to `stream`: the name of a dead switch is
 * replaced in one step, and never removed first.
 *
 * @module
 */

import { chmodSync, existsSync, readdirSync, renameSync, unlinkSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { NetError, type Random } from '@ioth/core'
import { type Answer, askWho } from '../stream/control-client.ts'
import { lookAt, removeSocket } from '../vnl/look-at.ts'
import { isCode, networkError, streamSocketPath } from '../vnl/switch-directory.ts'

/** `.s` and six letters or digits: a short name leaves room for the directory's path. */
const CANDIDATE = /^\.s[0-9a-z]{6}$/
/** How long another starter, or a switch, may take to answer, in milliseconds. */
const PATIENCE_MS = 5_000
/** Rounds lost to other starters before giving up: each needs another process that started and ended in between. */
const MOST_ROUNDS = 32

/** The right to be the switch of a directory, and its listening socket. */
export interface Seat {
  readonly server: Server
  /** Path of the socket. */
  readonly path: string
  /** Hands over the connections that came so far, and each one that comes. */
  onConnection(take: (socket: Socket) => void): void
  /** Whether `stream` in the directory still is this switch's socket. */
  held(): boolean
  /** Removes the socket's name, then stops listening. */
  leave(): Promise<void>
}

/**
 * Becomes the switch of a directory.
 * @throws NetError EADDRINUSE when there is one already; ERR_IOTH_NETWORK.
 */
export async function takeSeat(dir: string, random: Random): Promise<Seat> {
  const path = streamSocketPath(dir)
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const candidacy = await Candidacy.raise(dir, random)
    let lower: string | null
    try {
      lower = await findLower(dir, candidacy.name)
      if (lower === null && (await isVacant(dir, path)) && candidacy.win(path)) return candidacy.seat(path)
    } catch (error) {
      await candidacy.withdraw()
      throw error
    }
    await candidacy.withdraw()
    if (lower === null) continue
    // It answers when it is seated, and hangs up when it withdraws.
    const answer = await expectAnswer(lower)
    if (answer.kind === 'nobody') removeDead(lower, answer.error)
  }
  throw networkError(
    `the switch in ${dir} could not start: others start and end there all the time. Try again: ioth switch ${dir}`,
  )
}

class Candidacy {
  readonly name: string
  private readonly path: string
  private readonly server: Server
  private readonly waiting: Socket[] = []
  private take: ((socket: Socket) => void) | null = null

  private constructor(name: string, path: string, server: Server) {
    this.name = name
    this.path = path
    this.server = server
    server.on('connection', (socket) => {
      if (this.take !== null) return this.take(socket)
      // Asked who we are before we know: the answer waits. Whoever goes away meanwhile is no error.
      socket.on('error', () => {})
      this.waiting.push(socket)
    })
  }

  static async raise(dir: string, random: Random): Promise<Candidacy> {
    for (;;) {
      const name = candidateName(random)
      const path = join(dir, name)
      const server = createServer({ pauseOnConnect: true })
      const candidacy = new Candidacy(name, path, server)
      try {
        await listen(server, path)
        chmodSync(path, 0o600)
        return candidacy
      } catch (error) {
        server.close()
        // A name in use: take another. A name that vanished: another starter found us between bind and listen.
        const again = isCode(error, 'EADDRINUSE') || (isCode(error, 'ENOENT') && existsSync(dir))
        if (!again) throw cannotListen(dir, error)
      }
    }
  }

  /** Takes the name of the switch. @returns false when the candidacy was removed: the race begins anew. */
  win(stream: string): boolean {
    try {
      renameSync(this.path, stream)
      return true
    } catch (error) {
      if (isCode(error, 'ENOENT')) return false
      throw error
    }
  }

  async withdraw(): Promise<void> {
    await stopListening(this.server, this.waiting)
  }

  seat(stream: string): Seat {
    const { server, waiting } = this
    const own = lookAt(stream)
    const held = (): boolean => {
      const now = lookAt(stream)
      return now !== undefined && now.ino === own?.ino && now.dev === own.dev
    }
    return {
      server,
      path: stream,
      held,
      onConnection: (take) => {
        this.take = take
        for (const socket of waiting.splice(0)) take(socket)
      },
      leave: async () => {
        // While we still listen no other can be seated, so the name is ours to remove.
        if (held()) unlinkSync(stream)
        await stopListening(server, waiting)
      },
    }
  }
}

function candidateName(random: Random): string {
  return `.s${((random.int32() >>> 0) % 36 ** 6).toString(36).padStart(6, '0')}`
}

/** The path of a living candidate with a lower name, or null when all others have withdrawn. Removes the dead. */
async function findLower(dir: string, own: string): Promise<string | null> {
  const others = readdirSync(dir).filter((name) => CANDIDATE.test(name) && name !== own)
  for (const name of others.sort()) {
    const path = join(dir, name)
    if (name < own) {
      if (await isAlive(path)) return path
    } else {
      const answer = await expectAnswer(path)
      if (answer.kind === 'nobody') removeDead(path, answer.error)
      if (answer.kind === 'switch') throw taken(dir, answer)
    }
  }
  return null
}

/** Whether somebody listens at a candidate's name, without waiting for what becomes of it. */
async function isAlive(path: string): Promise<boolean> {
  const answer = await askWho(path, 20)
  if (answer.kind === 'nobody') removeDead(path, answer.error)
  return answer.kind !== 'nobody' && answer.kind !== 'gone'
}

function removeDead(path: string, error: Error): void {
  if (isCode(error, 'ECONNREFUSED')) removeSocket(path)
}

/** Whether no switch answers at `stream`. @throws NetError EADDRINUSE, ERR_IOTH_NETWORK. */
async function isVacant(dir: string, path: string): Promise<boolean> {
  const found = lookAt(path)
  if (found !== undefined && !found.isSocket()) {
    throw networkError(`${path} is in the way: it is not a socket. Choose another directory: ioth switch DIR`)
  }
  const answer = await askWho(path, PATIENCE_MS)
  switch (answer.kind) {
    case 'nobody':
    case 'gone':
      return true
    case 'switch':
      throw taken(dir, answer)
    case 'silent':
      throw networkError(
        `something listens at ${path} and does not answer. Stop it, or choose another directory: ioth switch DIR`,
      )
    case 'refusal':
      throw networkError(
        `something else listens at ${path}: ${answer.refusal.refusal}. Choose another directory: ioth switch DIR`,
      )
  }
}

async function expectAnswer(path: string): Promise<Answer> {
  const answer = await askWho(path, PATIENCE_MS)
  if (answer.kind === 'silent') {
    throw networkError(
      `another switch has begun to start at ${path} and does not go on. End its process, then try again.`,
    )
  }
  return answer
}

function taken(dir: string, answer: Extract<Answer, { kind: 'switch' }>): NetError {
  const { pid } = answer.opening
  return new NetError('EADDRINUSE', 'listen', {
    address: dir,
    message: `a switch runs in ${dir} already (process ${pid}). Join it with -f ${dir}, or see who is on it: ioth ps -f ${dir}`,
  })
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // Nobody else may connect, from the first instant. (Workers cannot set the mask; there the directory protects.)
    const mask = isMainThread ? process.umask(0o177) : null
    try {
      server.listen(path, () => {
        server.off('error', reject)
        resolve()
      })
    } finally {
      if (mask !== null) process.umask(mask)
    }
  })
}

function stopListening(server: Server, waiting: Socket[]): Promise<void> {
  for (const socket of waiting.splice(0)) socket.destroy()
  return new Promise((resolve) => server.close(() => resolve()))
}

function cannotListen(dir: string, error: unknown): NetError {
  return networkError(
    `the switch cannot listen in ${dir} (${(error as NodeJS.ErrnoException).code}). Choose another directory: ioth switch DIR`,
    error,
  )
}
