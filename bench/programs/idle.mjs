/** `node idle.mjs SETTLE MEASURE`: does nothing for so many seconds, then prints how much CPU that took, in milliseconds. */
const [settle, measure] = process.argv.slice(2).map(Number)
setTimeout(() => {
  const before = process.cpuUsage()
  setTimeout(() => {
    const { user, system } = process.cpuUsage(before)
    process.stdout.write(`${(user + system) / 1000}\n`)
    process.exit()
  }, measure * 1000)
}, settle * 1000)
