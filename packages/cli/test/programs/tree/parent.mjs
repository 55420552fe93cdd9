// A server that starts another one, by fork or another way, and asks it by loopback.
import { fork, spawn } from 'node:child_process'
import http from 'node:http'

const [way = 'fork'] = process.argv.slice(2)
const childPath = new URL('./child.mjs', import.meta.url)
const ways = {
  fork: () => fork(childPath),
  'without an environment': () => fork(childPath, { env: {} }),
  'through a shell': () =>
    spawn(`exec "${process.execPath}" "${childPath.pathname}"`, {
      shell: true,
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    }),
}

http
  .createServer((request, response) => response.end(`parent to ${request.socket.remoteAddress}`))
  .listen(80, () => {
    const child = ways[way]()
    child.on('message', async () => {
      const answer = await fetch('http://127.0.0.1:8080/')
      console.log(`by loopback: ${await answer.text()}`)
      console.log('both listen')
    })
    child.on('exit', (code, signal) => console.log(`child ended: ${code ?? signal}`))
    process.on('SIGTERM', () => {
      child.kill()
      child.on('exit', () => process.exit(0))
    })
  })
