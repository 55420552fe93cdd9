// Two of these meet on one node: the first serves, the second asks until the first is there.
import http from 'node:http'

if (process.argv[2] === 'serve') {
  http.createServer((_request, response) => response.end('hello', () => process.exit())).listen(80)
} else {
  for (;;) {
    const answer = await fetch('http://127.0.0.1/', { headers: { connection: 'close' } }).catch(() => null)
    if (answer === null) continue
    console.log(`the sibling says ${await answer.text()}`)
    break
  }
}
