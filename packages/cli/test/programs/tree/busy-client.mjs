// Has a connection to a busy program before, during and after; meanwhile the program's child answers.
import { once } from 'node:events'
import net from 'node:net'

const [host] = process.argv.slice(2)
const open = async (port) => {
  const socket = net.connect(port, host)
  await once(socket, 'connect')
  return socket
}
const say = async (socket, text) => {
  socket.write(text)
  const [data] = await once(socket, 'data')
  return String(data)
}
const before = await open(80)
console.log(await say(before, 'before'))
const spun = say(await open(80), 'spin')
let isOver = false
void spun.then(() => {
  isOver = true
})
const during = await say(await open(81), 'the child answers')
console.log(`${during}${isOver ? ' too late' : ''}`)
const early = await open(80)
console.log(await spun)
console.log(await say(before, 'after'))
console.log(await say(early, 'early'))
process.exit()
