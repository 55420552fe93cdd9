// Each process of the node tells its addresses whenever they are others, who would speak to WHERE, and whom it asks for names.
import { fork } from 'node:child_process'
import dgram from 'node:dgram'
import dns from 'node:dns'
import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'

const [where, child] = process.argv.slice(2)
const who = child ?? 'parent'
if (child === undefined) fork(process.argv[1], [where, 'child'])
else process.on('disconnect', () => process.exit())

let last
setInterval(() => {
  const family = isIPv6(where) ? 'IPv6' : 'IPv4'
  const own =
    networkInterfaces().eth0?.filter((each) => each.family === family && !each.address.startsWith('fe80')) ?? []
  const addresses = own.map(({ address }) => address).sort()
  if (`${addresses}` === last) return
  last = `${addresses}`
  const socket = dgram.createSocket(isIPv6(where) ? 'udp6' : 'udp4')
  const say = (from) => {
    console.log(`${who} has ${last || 'none'}, speaks from ${from}, asks ${dns.getServers()}`)
    socket.close()
  }
  socket.connect(9, where, (error) => say(error ? error.code : socket.address().address))
}, 20)
