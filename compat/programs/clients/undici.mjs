import { newest } from '../../newest.mjs'
import { ask } from './ask.mjs'

const { request } = await import(newest('undici'))
await ask({
  async get(url) {
    const { statusCode, body } = await request(url)
    return { status: statusCode, text: await body.text() }
  },
  async post(url, body) {
    const response = await request(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    return response.body.text()
  },
})
