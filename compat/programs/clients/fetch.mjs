import { ask } from './ask.mjs'

const headers = { 'content-type': 'application/json' }
await ask({
  async get(url) {
    const response = await fetch(url)
    return { status: response.status, text: await response.text() }
  },
  post: async (url, body) => (await fetch(url, { method: 'POST', body, headers })).text(),
})
