// Fetches by the global fetch and by undici from npm: a page, and a JSON echo.
import { request } from 'undici'

const [base] = process.argv.slice(2)
const post = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ text: 'x'.repeat(50_000) }),
}

console.log(`fetch: ${await (await fetch(base)).text()}`)
const echoed = await (await fetch(`${base}json`, post)).json()
console.log(`fetch: ${echoed.got.text.length} characters back to ${echoed.from}`)

const { body } = await request(base)
console.log(`undici: ${await body.text()}`)
const again = await (await request(`${base}json`, post)).body.json()
console.log(`undici: ${again.got.text.length} characters back to ${again.from}`)
