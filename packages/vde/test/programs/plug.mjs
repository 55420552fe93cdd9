// A plug in a process of its own: `plug.mjs VNL [ADDRESS]`. Says each state of its link; with `stay` on its standard input it stays.
import { createInterface } from 'node:readline'
import { NO_OFFLOAD, parseIpAddress } from '@ioth/core'
import { openVnl } from '@ioth/vde'

const [vnl = '', address] = process.argv.slice(2)
try {
  const link = await openVnl(vnl)
  link.attach({
    accepts: NO_OFFLOAD,
    frames() {},
    writable() {},
    changed(state, reason) {
      console.log(`state ${state} ${reason?.message ?? ''}`)
    },
  })
  if (address !== undefined) console.log(`granted ${await link.claim(parseIpAddress(address), '02:00:00:00:00:01')}`)
  console.log(`open ${link.name}`)
  createInterface(process.stdin).on(
    'line',
    (line) => line === 'close' && link.close().then(() => process.stdin.destroy()),
  )
} catch (error) {
  console.log(`failed ${error.code}: ${error.message}`)
  process.stdin.destroy()
}
