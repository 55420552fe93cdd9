/**
 * A backend with one defect, which the variable DEFECT names: the TypeScript stack, and then
 *   end       a stream ends after 150000 octets, whatever follows
 *   refused   a refused connection is said to have timed out
 *   octet     octet 5000 of what is read is another
 *   accept    every connection comes from nowhere
 */
import { backend as ts } from '@ioth/stack-ts'

const END = -2
const SHORT = 150_000
const defect = process.env.DEFECT

export const backend = {
  ...ts,
  name: 'defective',
  async createStack(options) {
    const stack = await ts.createStack(options)
    const open = stack.openTcp.bind(stack)
    stack.openTcp = (family) => spoiled(open(family))
    return stack
  },
}

function spoiled(socket) {
  const listen = socket.listen.bind(socket)
  socket.listen = (backlog) => {
    const listener = listen(backlog)
    const accept = listener.accept.bind(listener)
    listener.accept = () => {
      const accepted = accept()
      if (accepted !== null && defect === 'accept') Object.defineProperty(accepted, 'remotePort', { value: 1 })
      return accepted === null ? null : spoiled(accepted)
    }
    return listener
  }
  if (defect === 'refused') spoilError(socket)
  if (defect === 'end' || defect === 'octet') spoilReads(socket)
  return socket
}

function spoilError(socket) {
  const own = Object.getOwnPropertyDescriptor(socket, 'error') ?? inherited(socket, 'error')
  const read = own.get ? () => own.get.call(socket) : () => value
  let value = own.value
  Object.defineProperty(socket, 'error', {
    get: () => {
      const error = read()
      if (error?.code === 'ECONNREFUSED') error.code = 'ETIMEDOUT'
      return error
    },
    set: (next) => {
      value = next
    },
  })
}

function inherited(object, name) {
  for (let at = Object.getPrototypeOf(object); at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertyDescriptor(at, name)
    if (found !== undefined) return found
  }
  throw new Error(`no ${name}`)
}

function spoilReads(socket) {
  let total = 0
  const read = socket.read.bind(socket)
  socket.read = (into, offset, length) => {
    if (defect === 'end' && total === SHORT) return END
    const count = read(into, offset, defect === 'end' ? Math.min(length, SHORT - total) : length)
    if (count <= 0) return count
    if (defect === 'octet' && total <= 5000 && total + count > 5000) into[offset + 5000 - total] ^= 1
    total += count
    return count
  }
}
