// An Express application as its users write it.
import express from 'express'

const app = express()
app.use(express.json())
app.get('/', (request, response) => response.send(`express sees ${request.ip}`))
app.post('/json', (request, response) => response.json({ got: request.body, from: request.ip }))
app.listen(80, () => console.log('ready'))
