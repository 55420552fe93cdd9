import { newest } from '../../newest.mjs'
import { ask } from './ask.mjs'

const { default: got } = await import(newest('got'))
await ask({
  async get(url) {
    const { statusCode, body } = await got(url, { retry: { limit: 0 } })
    return { status: statusCode, text: body }
  },
  post: async (url, body) => (await got.post(url, { body, headers: { 'content-type': 'application/json' } })).body,
})
