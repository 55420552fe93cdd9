import axios from 'axios'
import { ask } from './ask.mjs'

const asText = { responseType: 'text', transformResponse: [(text) => text] }
await ask({
  async get(url) {
    const { status, data } = await axios.get(url, asText)
    return { status, text: data }
  },
  post: async (url, body) =>
    (await axios.post(url, body, { ...asText, headers: { 'content-type': 'application/json' } })).data,
})
