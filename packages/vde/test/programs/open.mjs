// Opens a link and has nothing else to do: `open.mjs VNL`. A plug alone keeps no process alive.
import { openVnl } from '@ioth/vde'

const link = await openVnl(process.argv[2] ?? '')
console.log(`open ${link.name}`)
