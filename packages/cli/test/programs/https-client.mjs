// Once with the certificate as authority, once without.
import { readFileSync } from 'node:fs'
import { get } from 'node:https'

const [url] = process.argv.slice(2)
const ca = readFileSync(new URL('self-signed.pem', import.meta.url))

for (const options of [{ ca }, {}]) {
  await new Promise((resolve) => {
    get(url, { ...options, agent: false }, async (response) => {
      console.log(
        `${response.socket.authorized ? 'authorized' : 'not authorized'}: ${Buffer.concat(await response.toArray())}`,
      )
      resolve()
    }).on('error', (error) => {
      console.log(error.code)
      resolve()
    })
  })
}
