/**
 * What each HTTP client does: who am I, 50 000 octets here, as many there, and nobody on another port.
 */
import { askWhom, assert, body } from '../arguments.mjs'

/** @param get gives `{ status, text }` @param post gives the text @param codeOf the code of a refused connection */
export async function ask({ get, post }) {
  const { url, address } = askWhom()
  const who = await get(`${url}/`)
  console.log('who am I', who.status, who.text)
  const large = await get(`${url}/body`)
  assert.equal(large.text, body)
  console.log('GET', large.status, large.text.length)
  const back = JSON.parse(await post(`${url}/`, JSON.stringify({ body })))
  assert.equal(back.body, body)
  console.log('POST', back.body.length)
  const refused = await get(`http://${address}:2/`).then(String, (error) => error)
  console.log('refused', refused.code ?? refused.cause?.code, (refused.cause ?? refused).message)
}
