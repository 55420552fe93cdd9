import { ImapFlow } from 'imapflow'
import { askWhom } from '../arguments.mjs'

const { address, port } = askWhom()
const client = new ImapFlow({
  host: address,
  port,
  secure: false,
  doSTARTTLS: false,
  auth: { user: 'testuser', pass: 'testpass' },
  logger: false,
})
await client.connect()
const lock = await client.getMailboxLock('INBOX')
console.log('messages', client.mailbox.exists)
for await (const { seq, envelope, source } of client.fetch('1:*', { envelope: true, source: true })) {
  console.log(seq, envelope.subject, String(source).split('\r\n').at(-2))
}
await client.messageFlagsAdd('1', ['\\Seen'])
console.log('seen', (await client.search({ seen: true })).length)
lock.release()
await client.logout()
