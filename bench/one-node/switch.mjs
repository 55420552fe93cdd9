import { createSwitch } from 'ioth'

await createSwitch({ dir: process.argv[2] })
process.send('ready')
