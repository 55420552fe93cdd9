/**
 * `node empty-namespace.mjs COMMAND …`: runs a command in the network namespace of this process, which is empty, and looks all the time
 * whether the kernel has a socket of IPv4, IPv6 or packets there. If it has, that is told, and the exit code is 99.
 */
import { execFile, spawn } from 'node:child_process'
import { promisify } from 'node:util'

const look = promisify(execFile)

const [program, ...args] = process.argv.slice(2)
const child = spawn(program, args, { stdio: 'inherit' })
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal))
const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))

let end = null
void ended.then((how) => {
  end = how
})
const seen = new Set()
do {
  // Without its numeric ports and addresses ss would ask for names.
  const { stdout } = await look('ss', ['--no-header', '--all', '--numeric', '--tcp', '--udp', '--raw', '--packet'])
  for (const line of stdout.split('\n').filter((each) => each.trim() !== '')) seen.add(line)
  await new Promise((resolve) => setTimeout(resolve, 50))
} while (end === null)

if (seen.size > 0) {
  process.stderr.write(`sockets of the host's:\n${[...seen].join('\n')}\n`)
  process.exit(99)
}
if (end.signal === null) process.exit(end.code)
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.removeAllListeners(signal)
process.kill(process.pid, end.signal)
