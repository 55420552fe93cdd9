/**
 * A plug that sends or counts frames for `switches.mjs`: `frame-peer.mjs VNL LENGTH`.
 */
import { core, loadVde } from './packages.mjs'

const [vnl, length] = [process.argv[2], Number(process.argv[3])]
const { createBatch, defaultPool, NO_OFFLOAD, pushFrame } = core
const pool = defaultPool()
const { openVnl } = await loadVde()
const SENDER = [2, 0, 0, 0, 0, 1]
const RECEIVER = [2, 0, 0, 0, 0, 2]

let frames = 0
let first = 0
let last = 0
let go = () => {}
const link = await openVnl(vnl, { name: 'bench' })
link.attach({
  accepts: NO_OFFLOAD,
  frames(batch) {
    frames += batch.count
    last = performance.now()
    if (first === 0) first = last
  },
  writable: () => go(),
  changed() {},
})

function put(batch, to, from) {
  const at = pool.take(length)
  if (at < 0) return false
  pool.bytes.set([...to, ...from, 0x88, 0xb5], at)
  pushFrame(batch, at, length)
  return true
}

/** Sends for a while, as much as the link takes; a task at a time, so that the plug can write. */
function flood(ms) {
  const until = performance.now() + ms
  const batch = createBatch(pool, 64)
  return new Promise((resolve) => {
    go = () => {
      if (performance.now() >= until) {
        go = () => {}
        resolve()
        return
      }
      let taken = 0
      for (let round = 0; round < 8; round++) {
        batch.count = 0
        while (batch.count < 64 && put(batch, RECEIVER, SENDER));
        taken = link.send(batch)
        for (let index = taken; index < batch.count; index++) pool.release(batch.head[index])
        if (taken < batch.count) break
      }
      // A short send is followed by `writable`; the time limit must not wait for it.
      if (taken === batch.count) setImmediate(go)
      else setTimeout(() => performance.now() >= until && go(), ms)
    }
    go()
  })
}

process.on('message', async (message) => {
  if (message.receive) {
    // Tells the switch where it is.
    const batch = createBatch(pool, 1)
    put(batch, [255, 255, 255, 255, 255, 255], RECEIVER)
    link.send(batch)
    frames = 0
    first = 0
    process.send({})
  } else if (message.send) {
    await flood(message.send)
    process.send({})
  } else if (message.stop) {
    // What is still on the way belongs to it.
    let before = -1
    while (before !== frames) {
      before = frames
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    process.send({ frames, seconds: Math.max(last - first, 1) / 1000 })
  }
})
process.send('ready')
