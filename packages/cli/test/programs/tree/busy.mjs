// Serves, also after five seconds in which it does nothing but spin. A child beside it serves all the time.
import { fork } from 'node:child_process'
import net from 'node:net'

if (process.argv[2] === 'child') {
  net.createServer((socket) => socket.pipe(socket)).listen(81, () => process.send('ready'))
  process.on('disconnect', () => process.exit())
} else {
  const child = fork(process.argv[1], ['child'])
  child.on('message', () => {
    net
      .createServer((socket) => {
        socket.on('data', (data) => {
          if (String(data) === 'spin') {
            console.log('spinning')
            const end = performance.now() + 5000
            while (performance.now() < end);
            console.log('done')
          }
          socket.write(data)
        })
      })
      .listen(80, () => console.log('both listen'))
  })
  process.on('exit', () => child.kill())
  process.on('SIGTERM', () => process.exit())
}
