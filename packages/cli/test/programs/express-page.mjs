// An Express application with a page for people.
import express from 'express'

const app = express()
app.get('/', (request, response) => {
  const { localAddress, localPort } = request.socket
  response.send(`<!doctype html><meta charset="utf-8"><title>${localAddress}</title>
<style>body{font:20px/1.5 system-ui;margin:3em;background:#f6f8fa;color:#1f2328}h1{font-size:2em}code{background:#fff;border:1px solid #d1d9e0;
border-radius:6px;padding:.2em .5em}img{float:right}</style>
<h1>This page is served by a process with its own address</h1>
<p>Server: <code id="server">${localAddress} port ${localPort}</code>, an Express application under <code>ioth run</code>.</p>
<p>You: <code id="client">${request.ip}</code></p>
<p id="script">Scripts do not run.</p><script>fetch('/items?n=3').then((r) => r.json()).then(({ length }) => {
document.querySelector('#script').textContent = 'A script of this page fetched ' + length + ' items.' })</script>`)
})
app.get('/items', (request, response) => response.json(Array(Number(request.query.n)).fill('item')))
app.listen(80, '0.0.0.0', () => console.log('ready'))
