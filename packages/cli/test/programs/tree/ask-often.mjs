// Asks a server ten times, each time by a new connection, and tells who answered.
const [url] = process.argv.slice(2)
const answers = new Set()
for (let count = 0; count < 10; count++) {
  const answer = await fetch(url, { headers: { connection: 'close' } })
  answers.add(await answer.text())
}
console.log([...answers].sort().join('\n'))
