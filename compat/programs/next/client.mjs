import { askWhom, body } from '../arguments.mjs'

const { url } = askWhom()
const page = await fetch(url, { headers: { 'x-who': 'me' } })
const html = await page.text()
console.log('page', page.status, /rendered for .*?me/.test(html))
const script = /src="(\/_next\/[^"]+\.js[^"]*)"/.exec(html)?.[1]
const asset = await fetch(url + script)
console.log('script', asset.status, asset.headers.get('content-type'), (await asset.text()).length > 1000)
const posted = await fetch(`${url}/api/echo`, { method: 'POST', body })
console.log('POST', posted.status, JSON.stringify(await posted.json()))
const inside = await fetch(`${url}/api/echo`)
console.log('GET', inside.status, (await inside.json()).inside)
console.log('404', (await fetch(`${url}/nowhere`)).status)
