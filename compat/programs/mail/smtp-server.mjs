import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { SMTPServer } from 'smtp-server'
import { bare, listenWhere, ready } from '../arguments.mjs'

const { port, address } = listenWhere()
const read = (name) => readFileSync(new URL(`../../certificate/${name}.pem`, import.meta.url))
const smtp = new SMTPServer({
  name: 'mail.compat.test',
  key: read('key'),
  cert: read('certificate'),
  disableReverseLookup: true,
  onAuth: ({ username, password }, _session, done) =>
    username === 'user' && password === 'secret' ? done(null, { user: username }) : done(new Error('no such user')),
  async onData(stream, session, done) {
    const message = await text(stream)
    const to = session.envelope.rcptTo.map((each) => each.address).join()
    done(
      null,
      `${message.length > 50_000 ? 'large' : 'small'} for ${to} by ${session.user} from ${bare(session.remoteAddress)}, TLS ${session.secure}`,
    )
  },
})
const server = smtp.listen(port, address, () => ready(server.address().port))
