/**
 * What the checks of the table share. A check says what it saw by `log`; the same words have to come on every network.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

export { assert }

/** Where the servers of a check listen, and its clients connect to: an address of this process alone, or the host's loopback. */
export const address = process.env.COMPAT_ADDRESS ?? '127.0.0.1'

/** The same of IPv6. */
export const address6 = process.env.COMPAT_ADDRESS6 ?? '::1'

export const nodeMajor = Number(process.versions.node.split('.')[0])

/** A certificate for `localhost` and both addresses. */
export const certificate = {
  key: readFileSync(new URL('../certificate/key.pem', import.meta.url)),
  cert: readFileSync(new URL('../certificate/certificate.pem', import.meta.url)),
}

/** 50 000 octets of text that can be told from any other. */
export const body = Array.from({ length: 10_000 }, (_, index) => String(index).padStart(5, '0')).join('')

/** Starts a server (of `net`, `http`, …) on a free port. @returns the port */
export async function listen(server, options = {}) {
  const listening = event(server, 'listening')
  server.listen({ port: 0, host: address, ...options })
  await listening
  return server.address().port
}

export function close(server) {
  return new Promise((resolve) => server.close(resolve))
}

/** The arguments of the next such event; unlike `events.once`, an `error` does not reject it. */
export function event(emitter, name) {
  return new Promise((resolve) => emitter.once(name, (...args) => resolve(args)))
}

/** What a program can read of an error, and what it prints. */
export function describe(error) {
  if (error === null || typeof error !== 'object') return error
  const { name, message, code, errno, syscall, hostname } = error
  const described = { name, message, code, errno, syscall, hostname, address: error.address, port: error.port }
  if (error.cause !== undefined) described.cause = describe(error.cause)
  if (error.errors !== undefined) described.errors = error.errors.map(describe)
  return described
}

/** A port on which nobody listens. */
export async function freePort(net) {
  const server = net.createServer()
  const port = await listen(server)
  await close(server)
  return port
}

/** Everything that a stream gives, as text. */
export async function text(stream) {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks.map((chunk) => Buffer.from(chunk))).toString()
}

/** Events of an emitter in their order, as words. */
export function record(emitter, names, words = []) {
  for (const name of names) emitter.on(name, () => words.push(name))
  return words
}
