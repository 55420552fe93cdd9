/** Does nothing for as many seconds as its argument says, then prints how much CPU that took, in milliseconds. */
const seconds = Number(process.argv[2] ?? 20)
setTimeout(() => {
  const before = process.cpuUsage()
  setTimeout(() => {
    const { user, system } = process.cpuUsage(before)
    process.stdout.write(`${(user + system) / 1000}\n`)
    process.exit()
  }, seconds * 1000)
}, 2000)
