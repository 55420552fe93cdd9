import http from 'node:http'
import net from 'node:net'
import axios from 'axios'
import nodeFetch from 'node-fetch'
import { newest } from '../newest.mjs'
import { address, assert, body, close, describe, freePort, listen, text } from './support.mjs'

/** A client gets 50 000 octets, sends as many, and is refused where nobody listens. */
async function ask(log, { get, post }) {
  const server = http.createServer(async (request, response) => {
    const got = await text(request)
    response.end(request.method === 'POST' ? String(got === body) : body)
  })
  const url = `http://${address}:${await listen(server)}/`
  const got = await get(url)
  assert.equal(got.text, body)
  log('GET', got.status)
  log('POST', await post(url, body))
  const nowhere = `http://${address}:${await freePort(net)}/`
  log('refused', await get(nowhere).then(String, (error) => described(error, nowhere)))
  server.closeAllConnections()
  await close(server)
}

/** The whole chain of causes, and the port, which is another one each time. */
function described(error, url) {
  const port = Number(new URL(url).port)
  const chain = []
  for (let each = error; each instanceof Error; each = each.cause) {
    const { port: at, ...rest } = describe(each)
    if (at !== undefined) assert.equal(at, port)
    chain.push({ ...rest, cause: undefined, errors: undefined })
  }
  return chain
}

export default {
  'global fetch'(log) {
    return ask(log, {
      async get(url) {
        const response = await fetch(url)
        return { status: response.status, text: await response.text() }
      },
      post: async (url, sent) => (await fetch(url, { method: 'POST', body: sent })).text(),
    })
  },

  async undici(log) {
    const { Agent, request } = await import(newest('undici'))
    const dispatcher = new Agent()
    await ask(log, {
      async get(url) {
        const { statusCode, body: stream } = await request(url, { dispatcher })
        return { status: statusCode, text: await stream.text() }
      },
      post: async (url, sent) => (await request(url, { method: 'POST', body: sent, dispatcher })).body.text(),
    })
    await dispatcher.close()
  },

  axios(log) {
    return ask(log, {
      async get(url) {
        const { status, data } = await axios.get(url, { responseType: 'text' })
        return { status, text: data }
      },
      post: async (url, sent) => String((await axios.post(url, sent)).data),
    })
  },

  async got(log) {
    const { default: got } = await import(newest('got'))
    await ask(log, {
      async get(url) {
        const { statusCode, body: text } = await got(url, { retry: { limit: 0 } })
        return { status: statusCode, text }
      },
      post: async (url, sent) => (await got.post(url, { body: sent })).body,
    })
  },

  'node-fetch'(log) {
    return ask(log, {
      async get(url) {
        const response = await nodeFetch(url)
        return { status: response.status, text: await response.text() }
      },
      post: async (url, sent) => (await nodeFetch(url, { method: 'POST', body: sent })).text(),
    })
  },
}
