/**
 * A console on a Unix socket: lines of text, as the management sockets of VDE 2 have it, for `vdeterm`, `unixterm`, `unixcmd` and
 * `ioth switch ctl`.
 *
 * ```
 * greeting   a banner, an empty line, the prompt
 * command    a line in one piece: PATH and arguments
 * answer     perhaps data: `0000 DATA END WITH '.'`, lines, `.`; then `1000 Success`, or 1000 plus an errno and its text; the prompt
 * ```
 *
 * `json` before a command gives its data as one line of JSON.
 *
 * @module
 */
import type { Socket } from 'node:net'
import type { UnixServer } from '@ioth/ffi'
import { printable } from '../stream/opening.ts'

/** What a command found: for programs, and for people. */
export interface ConsoleAnswer {
  readonly value: unknown
  readonly lines: readonly string[]
}

export interface ConsoleCommand {
  readonly path: string
  /** `N VLAN`, `[N]`: for the help, and to count arguments. */
  readonly syntax: string
  readonly help: string
  /** @throws ConsoleError */
  run(args: readonly string[]): ConsoleAnswer | null
}

/** A command that fails with an errno of Linux. */
export class ConsoleError extends Error {
  readonly errno: number

  constructor(kind: keyof typeof ERRORS, words?: string) {
    super(words === undefined ? ERRORS[kind].text : `${ERRORS[kind].text}: ${words}`)
    this.errno = ERRORS[kind].errno
  }
}

const ERRORS = {
  ENOENT: { errno: 2, text: 'No such file or directory' },
  ENXIO: { errno: 6, text: 'No such device or address' },
  EEXIST: { errno: 17, text: 'File exists' },
  EINVAL: { errno: 22, text: 'Invalid argument' },
  ENOSYS: { errno: 38, text: 'Function not implemented' },
} as const

const MOST_CLIENTS = 16
/** Of what comes in one piece. */
const LONGEST_LINE = 4_096
/** Octets that a client may leave unread before it is disconnected. */
const MOST_UNREAD = 4_194_304
const SUCCESS = 1000

export class Console {
  private readonly title: string
  private readonly prompt: string
  private readonly commands: readonly ConsoleCommand[]
  private readonly clients = new Set<Socket>()
  private server: UnixServer | null = null

  /** @param title the first line of the banner. @param prompt without `$ `. */
  constructor(title: string, prompt: string, commands: readonly ConsoleCommand[]) {
    this.title = title
    this.prompt = prompt
    this.commands = [...commands, this.help()].sort((a, b) => (a.path < b.path ? -1 : 1))
  }

  /** @throws NetError EADDRINUSE, and errors of the file system. */
  async listen(path: string): Promise<void> {
    const { listenUnix } = await import('@ioth/ffi')
    this.server = await listenUnix(path, (socket) => this.accept(socket))
    this.server.server.unref()
  }

  close(): void {
    this.server?.close()
    for (const client of this.clients) client.destroy()
  }

  /** Runs a command line. @throws ConsoleError */
  run(line: string): ConsoleAnswer | null {
    const [path = '', ...args] = line.trim().split(/\s+/)
    const command = this.commands.find((each) => each.path === path)
    if (command === undefined)
      throw new ConsoleError('ENOSYS', `there is no command "${printable(path, 40)}"; see help`)
    const [least, most] = countArguments(command.syntax)
    if (args.length < least || args.length > most) throw new ConsoleError('EINVAL', `${path} ${command.syntax}`)
    return command.run(args)
  }

  private accept(socket: Socket): void {
    socket.on('error', () => {})
    socket.unref()
    if (this.clients.size >= MOST_CLIENTS) {
      socket.end('too many consoles\n')
      return
    }
    this.clients.add(socket)
    socket.on('close', () => this.clients.delete(socket))
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      if (text.length > LONGEST_LINE) {
        socket.destroy()
        return
      }
      // vdeterm sends no line feed: as in VDE 2, what comes in one piece ends there.
      for (const line of text.replace(/\n$/, '').split('\n')) {
        if (!socket.destroyed && !socket.writableEnded) this.answer(socket, line)
      }
    })
    socket.write(`${this.title}\n\n${this.prompt}$ `)
  }

  private answer(socket: Socket, line: string): void {
    const words = line.replaceAll('\r', '').trim()
    if (words === 'logout') {
      socket.end('9999 END OF SESSION')
      return
    }
    // In one piece: so terminals expect it.
    socket.write(`${words === '' ? '' : this.reply(words)}\n${this.prompt}$ `)
    if (socket.writableLength > MOST_UNREAD) socket.destroy()
  }

  private reply(words: string): string {
    const json = /^json\s/.test(words)
    try {
      const answer = this.run(json ? words.slice(5) : words)
      if (answer === null && !json) return `${SUCCESS} Success\n`
      const lines = json ? [JSON.stringify(answer?.value ?? null)] : (answer?.lines ?? [])
      // A line with nothing but a dot would end the data.
      const data = lines.map((each) => `${each === '.' ? '..' : each}\n`).join('')
      return `0000 DATA END WITH '.'\n${data}.\n${SUCCESS} Success\n`
    } catch (error) {
      if (error instanceof ConsoleError) return `${SUCCESS + error.errno} ${error.message}\n`
      return `${SUCCESS + ERRORS.EINVAL.errno} ${(error as Error).message.split('\n', 1)[0]}\n`
    }
  }

  private help(): ConsoleCommand {
    return {
      path: 'help',
      syntax: '[PATH]',
      help: 'all commands, or those that begin so',
      run: ([prefix = '']) => {
        const shown = this.commands.filter(({ path }) => path.startsWith(prefix))
        const lines = shown.map(({ path, syntax, help }) => `${path.padEnd(20)} ${syntax.padEnd(15)} ${help}`)
        const head = [
          `${'COMMAND PATH'.padEnd(20)} ${'SYNTAX'.padEnd(15)} HELP`,
          `${'------------'.padEnd(20)} ${'------'.padEnd(15)} ----`,
        ]
        return {
          value: shown.map(({ path, syntax, help }) => ({ path, syntax, help })),
          lines: [...head, ...lines, `${'logout'.padEnd(20)} ${''.padEnd(15)} leave this console`],
        }
      },
    }
  }
}

/** `N VLAN [NAME]`: from 2 to 3; `...` takes any number. */
function countArguments(syntax: string): [number, number] {
  const words = syntax.split(' ').filter((word) => word !== '')
  const least = words.filter((word) => !word.startsWith('[') && word !== '...').length
  return [least, words.includes('...') ? Number.POSITIVE_INFINITY : words.length]
}
