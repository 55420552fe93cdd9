/**
 * Asking a console one thing (see `console.ts`): also that of Debian's vde_switch.
 *
 * @module
 */
import { connect } from 'node:net'
import { networkError } from '../vnl/switch-directory.ts'

const PATIENCE_MS = 10_000
const LONGEST_ANSWER = 16_777_216

export interface ConsoleReply {
  /** 1000: success. */
  readonly code: number
  /** `Success`, or what is wrong. */
  readonly message: string
  readonly lines: readonly string[]
}

/** Sends a command line and gives the answer. @throws NetError ERR_IOTH_NETWORK when nothing answers. */
export function askConsole(path: string, line: string): Promise<ConsoleReply> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    let text = ''
    let asked = false
    const fail = (why: string): void => {
      socket.destroy()
      reject(networkError(`no console answers at ${path}: ${why}. See whether the switch runs: ioth switch DIR`))
    }
    socket.setEncoding('utf8')
    socket.setTimeout(PATIENCE_MS, () => fail('it is silent'))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      fail(error.code === 'ENOENT' ? 'there is no such socket' : (error.code ?? error.message)),
    )
    socket.on('close', () => fail('it closed the connection'))
    socket.on('data', (more: string) => {
      text += more
      if (text.length > LONGEST_ANSWER) return fail('it says too much')
      if (!/(^|\n)\S*\$ $/.test(text)) return
      if (!asked) {
        asked = true
        text = ''
        socket.write(`${line}\n`)
        return
      }
      const reply = parseReply(text)
      if (reply === null) return fail('it speaks another language')
      socket.destroy()
      resolve(reply)
    })
  })
}

/** Reads an answer up to its prompt. Null: it is none. */
export function parseReply(text: string): ConsoleReply | null {
  const lines = text.split('\n')
  const data: string[] = []
  let at = lines.findIndex((line) => /^\d{4} /.test(line))
  if (at >= 0 && lines[at]?.startsWith('0000 ')) {
    for (at++; at < lines.length && lines[at] !== '.'; at++) data.push(lines[at] === '..' ? '.' : (lines[at] as string))
    at++
  }
  const status = /^(\d{4}) (.*)$/.exec(lines[at] ?? '')
  return status === null ? null : { code: Number(status[1]), message: status[2] as string, lines: data }
}
