// Fetches a URL again and again, and prints after each time how much came and how much memory this process holds.
const [url, times] = process.argv.slice(2)

for (let n = 0; n < Number(times); n++) {
  let octets = 0
  for await (const piece of (await fetch(url)).body) octets += piece.length
  console.log(JSON.stringify({ octets, rss: process.memoryUsage.rss() }))
}
