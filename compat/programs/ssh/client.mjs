import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import ssh from 'ssh2'
import { askWhom, assert, body } from '../arguments.mjs'

const { address, port } = askWhom()
const wrong = new ssh.Client().connect({ host: address, port, username: 'user', password: 'wrong' })
console.log('wrong password', (await once(wrong, 'error'))[0].level)

const client = new ssh.Client().connect({ host: address, port, username: 'user', password: 'secret' })
await once(client, 'ready')
const exec = (command) =>
  new Promise((resolve, reject) => {
    client.exec(command, (error, stream) => {
      if (error) return reject(error)
      resolve(Promise.all([once(stream, 'exit'), text(stream), text(stream.stderr)]))
    })
  })
for (const command of ['who am I', 'body']) {
  const [[code], output, errors] = await exec(command)
  if (command === 'body') assert.equal(output, body)
  else console.log(output.trim())
  console.log(command, code, errors.trim())
}
const connected = once(client, 'tcp connection')
client.forwardIn('10.9.8.7', 4022, () => {})
const [, accept] = await connected
console.log(await text(accept()))
client.end()
await once(client, 'close')
