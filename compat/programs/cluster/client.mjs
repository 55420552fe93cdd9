import { askWhom } from '../arguments.mjs'
import '../clients/fetch.mjs'

const { url } = askWhom()
const workers = new Set()
for (let count = 0; count < 200 && workers.size < 2; count++) {
  workers.add(await (await fetch(`${url}/worker`)).text())
}
console.log('workers', [...workers].sort().join())
