// What stands between the program and the network, by arrangement: a hub that carries frames, or a stack that serves the program's connections.
import net from 'node:net'

const [arrangement, place, network, address] = process.argv.slice(2)

if (arrangement === 'hub') {
  // Octets of the plug's protocol pass unseen: a hub looks at each frame besides, which costs little beside the hop itself.
  net
    .createServer((program) => {
      const upstream = net.connect(`${network}/stream`)
      program.pipe(upstream).pipe(program)
      for (const end of [program, upstream]) end.on('error', () => {})
    })
    .listen(`${place}/stream`, () => process.send('ready'))
} else {
  const { createStack } = await import('ioth')
  const { bindNode } = await import('ioth')
  const stack = await createStack({ stack: 'ts', vnl: network, addresses: [`${address}/24`] })
  bindNode(stack)
    .net.createServer((socket) => {
      const program = net.connect(place)
      socket.pipe(program).pipe(socket)
      for (const end of [program, socket]) end.on('error', () => {})
    })
    .listen(80, () => process.send('ready'))
}
