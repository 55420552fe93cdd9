/**
 * PostgreSQL and Redis as Debian has them, on the host's loopback, each in a folder of its own.
 */
import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Running } from '../processes.mjs'

const address = '127.0.0.1'

/** @typedef {{ address: string, port: number, stop(): Promise<void> }} Service */

/** @returns {Promise<Service>} with a user `compat` who needs the password `secret` */
export async function postgres() {
  const versions = '/usr/lib/postgresql'
  const version = existsSync(versions) ? readdirSync(versions).sort((a, b) => Number(b) - Number(a))[0] : undefined
  if (version === undefined) throw new Error('there is no PostgreSQL here; install it: apt-get install postgresql')
  const program = (name) => join(versions, version, 'bin', name)
  const folder = mkdtempSync(join(tmpdir(), 'compat-pg-'))
  // It does not run as root.
  const owner = process.getuid() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {}
  if (owner.uid !== undefined) chownSync(folder, owner.uid, owner.gid)
  const password = join(folder, 'password')
  execFileSync('sh', ['-c', `umask 077; printf secret > "${password}"`], owner)
  const data = join(folder, 'data')
  const authentication = ['--auth=scram-sha-256', '-U', 'compat', `--pwfile=${password}`]
  execFileSync(program('initdb'), ['-D', data, '--no-sync', ...authentication], { ...owner, stdio: 'pipe' })
  const port = await freePort()
  const words = ['-D', data, '-h', address, '-p', String(port), '-k', folder, '-F']
  const running = new Running(program('postgres'), words, { owner })
  await running.prints(/database system is ready to accept connections/)
  return { address, port, stop: () => stop(running, folder) }
}

/** @returns {Promise<Service>} */
export async function redis() {
  const folder = mkdtempSync(join(tmpdir(), 'compat-redis-'))
  const port = await freePort()
  const words = ['--port', String(port), '--bind', address, '--dir', folder, '--save', '', '--daemonize', 'no']
  const running = new Running('redis-server', words)
  await running.prints(/Ready to accept connections/)
  return { address, port, stop: () => stop(running, folder) }
}

async function stop(running, folder) {
  await running.stop('SIGINT')
  rmSync(folder, { recursive: true, force: true })
}

function idOf(option) {
  return Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }))
}

async function freePort() {
  const server = net.createServer()
  await new Promise((resolve) => server.listen(0, address, resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}
