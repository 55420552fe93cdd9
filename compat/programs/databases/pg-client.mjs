import { once } from 'node:events'
import pg from 'pg'
import { askWhom, assert, body } from '../arguments.mjs'

const { address, port } = askWhom()
const settings = { host: address, port, user: 'compat', password: 'secret', database: 'postgres' }
const pool = new pg.Pool({ ...settings, max: 4 })
const answers = await Promise.all(
  Array.from({ length: 8 }, (_, number) => pool.query('select $1::int + 1 as next', [number])),
)
console.log('next', answers.map(({ rows }) => rows[0].next).join())
const { rows } = await pool.query('select $1::text as text', [body])
assert.equal(rows[0].text, body)
const failure = await pool.query('select * from nowhere').catch((error) => error)
console.log('failure', failure.code, failure.message)

const listener = await pool.connect()
await listener.query('listen news')
const notified = once(listener, 'notification')
await pool.query("notify news, 'something happened'")
console.log('notification', (await notified)[0].payload)
listener.release()
await pool.end()

const wrong = new pg.Client({ ...settings, password: 'wrong' })
console.log('wrong password', (await wrong.connect().catch((error) => error)).code)
