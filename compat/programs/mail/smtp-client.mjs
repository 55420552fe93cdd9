import { readFileSync } from 'node:fs'
import nodemailer from 'nodemailer'
import { askWhom, body } from '../arguments.mjs'

const { address, port } = askWhom()
const ca = readFileSync(new URL('../../certificate/certificate.pem', import.meta.url))
const settings = {
  host: address,
  port,
  name: 'client.compat.test',
  requireTLS: true,
  tls: { ca, servername: 'compat.test' },
}
const transport = nodemailer.createTransport({ ...settings, auth: { user: 'user', pass: 'secret' }, pool: true })
for (const attachments of [[], [{ filename: 'body.txt', content: body }]]) {
  const sent = await transport.sendMail({
    from: 'me@compat.test',
    to: 'you@compat.test',
    subject: 'A message',
    text: 'by STARTTLS',
    attachments,
  })
  console.log(sent.response)
}
transport.close()
const wrong = nodemailer.createTransport({ ...settings, auth: { user: 'user', pass: 'wrong' } })
console.log('wrong password', (await wrong.verify().catch((error) => error)).code)
