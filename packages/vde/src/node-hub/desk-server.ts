/**
 * The hub's side of the desk: lines in, answers out. A member is whoever joined by this connection, for as long as the connection lasts.
 *
 * @module
 */
import type { Socket } from 'node:net'
import { hasCode, type NetError } from '@ioth/core'
import { type Answer, MAX_LINE, type Question } from './desk-protocol.ts'

export interface DeskHandler {
  /** @returns null where no answer is wanted. @throws NetError what the member is to be told. */
  asked(question: Question): Answer | null
  /** The member is gone. */
  left(): void
}

/** Serves one member. */
export function serveDesk(socket: Socket, handler: DeskHandler): void {
  let kept = ''
  let isOver = false
  const end = (): void => {
    if (isOver) return
    isOver = true
    socket.destroy()
    handler.left()
  }
  socket.setEncoding('utf8')
  socket.on('error', end)
  socket.on('close', end)
  socket.on('data', (text: string) => {
    kept += text
    for (let feed = kept.indexOf('\n'); feed >= 0; feed = kept.indexOf('\n')) {
      const line = kept.slice(0, feed)
      kept = kept.slice(feed + 1)
      const answer = answerTo(line, handler)
      if (answer === undefined) return end()
      if (answer !== null) socket.write(`${JSON.stringify(answer)}\n`)
    }
    if (kept.length > MAX_LINE) end()
  })
}

/** @returns undefined when that was no question. */
function answerTo(line: string, handler: DeskHandler): Answer | null | undefined {
  let question: Question
  try {
    question = JSON.parse(line) as Question
  } catch {
    return undefined
  }
  try {
    return handler.asked(question)
  } catch (error) {
    const { code = 'ERR_IOTH_PROTOCOL', message } = error as NetError
    return { code, message: hasCode(error, code) ? message : `the hub failed: ${message}` }
  }
}
