import Pop3Command from 'node-pop3'
import { askWhom, assert, body } from '../arguments.mjs'

const { address, port } = askWhom()
const pop3 = new Pop3Command({ host: address, port, user: 'user', password: 'secret' })
console.log('STAT', await pop3.STAT())
console.log('UIDL', JSON.stringify(await pop3.UIDL()))
assert.ok((await pop3.RETR(2)).includes(body))
console.log('RETR 3', (await pop3.RETR(3).catch((error) => error)).message)
await pop3.command('DELE', 1)
console.log('QUIT', await pop3.QUIT())
