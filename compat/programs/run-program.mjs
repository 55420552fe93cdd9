/**
 * Runs a program's server and its client: on the host's loopback, or as two nodes of a switch.
 */
import { fileURLToPath } from 'node:url'
import { Running } from './processes.mjs'

const command = fileURLToPath(new URL('../../packages/cli/bin/ioth.js', import.meta.url))
const cwd = fileURLToPath(new URL('.', import.meta.url))

/** A switch of its own, in a folder. */
export async function startSwitch(node, folder) {
  const path = `${folder}/switch`
  const running = new Running(node, [command, 'switch', path], { limitMs: 3_600_000 })
  await running.prints(/^ioth: switch at /m)
  return { path, stop: () => running.stop() }
}

/**
 * @param {import('./programs.mjs').Program} program
 * @param {{ node: string, major: number, path: string | null, subnet: number }} where path: of the switch; null: the host's loopback
 * @returns what the client printed, with addresses as words @throws when it failed, with all that was printed
 */
export async function runProgram(program, { node, major, path, subnet }) {
  const onHost = path === null
  const [first, second] = onHost ? ['127.0.0.1', '127.0.0.1'] : [`10.40.${subnet}.32`, `10.40.${subnet}.33`]
  const start = (address, options, words, rules = []) => {
    const all = words.map(String)
    if (onHost) return new Running(node, [...options, ...all], { cwd })
    const ours = ['-q', '-f', path, '-a', `${address}/24`, ...rules.flatMap((rule) => ['--host', rule])]
    return new Running(node, [command, 'run', ...ours, ...options, '--', ...all], { cwd })
  }

  const service = await program.service?.()
  let server = null
  try {
    let whom = service === undefined ? [] : [service.address, service.port]
    if (program.client !== undefined && service === undefined) {
      const at = onHost ? [program.hostPort ?? 0, first] : [program.port]
      const words = program.words === undefined ? [program.server, ...at] : await program.words(node, ...at)
      server = start(first, program.node ?? [], words)
      const [, port = at[0]] = await server.prints(program.ready ?? /^ready (\d+)/m)
      whom = [first, port]
    }
    const words = program.alone === undefined ? [program.client, ...whom] : await program.alone(node, major)
    const client = start(second, [], words, service === undefined ? [] : [`${service.address}:${service.port}`])
    const code = await client.end()
    const printed = server === null ? '' : `\nThe server printed:\n${server.output}`
    if (code !== 0) throw new Error(`it ended with exit code ${code}:\n${client.output}${printed}`)
    return promised(program, client.output.replaceAll(second, 'CLIENT').replaceAll(first, 'SERVER'))
  } finally {
    await server?.stop()
    await service?.stop()
  }
}

/** What two runs must have in common. */
function promised({ promised: lines }, output) {
  if (lines === undefined) return output
  const chosen = output.split('\n').filter((line) => lines.test(line))
  return chosen
    .map((line) => line.replace(/ \d+ms$/, ''))
    .sort()
    .join('\n')
}
