/**
 * What the programs of this folder are told: a server its port and where to listen (nothing: everywhere, as servers do), a client whom
 * to ask. They know nothing of stacks.
 */
import assert from 'node:assert/strict'

export { assert }

/** `node server.mjs PORT [ADDRESS]` */
export function listenWhere() {
  const [port = '0', address] = process.argv.slice(2)
  return { port: Number(port), address }
}

/** `node client.mjs ADDRESS PORT` */
export function askWhom() {
  const [address, port] = process.argv.slice(2)
  return { address, port: Number(port), url: `http://${address}:${port}` }
}

/** Tells whoever started a server that it listens. */
export function ready(port) {
  console.log(`ready ${port}`)
}

/** 50 000 octets that can be told from any others. */
export const body = Array.from({ length: 10_000 }, (_, index) => String(index).padStart(5, '0')).join('')

/** Addresses as they are, also where a socket for both families writes ::ffff:10.0.0.1. */
export function bare(address) {
  return String(address).replace('::ffff:', '')
}
