import { createSwitch } from '@ioth/vde'

await createSwitch({ dir: process.argv[2] })
process.send('ready')
