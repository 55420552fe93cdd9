import hoodiecrow from 'hoodiecrow-imap'
import { listenWhere, ready } from '../arguments.mjs'

const { port, address } = listenWhere()
const message = (number) => ({
  raw: `Subject: message ${number}\r\nFrom: me@compat.test\r\n\r\nThe text of ${number}\r\n`,
})
const imap = hoodiecrow({
  plugins: ['IDLE', 'STARTTLS'],
  storage: { INBOX: { messages: [message(1), message(2)] }, '': { folders: { archive: {} } } },
})
imap.listen(port, address, () => ready(imap.server.address().port))
