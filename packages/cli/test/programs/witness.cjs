// Prints what a program can see of how it was started; then does what its first argument says.
const [task, ...rest] = process.argv.slice(2)
console.log(
  JSON.stringify({
    main: require.main === module,
    filename: __filename,
    argv: process.argv,
    execArgv: process.execArgv,
    parent: module.parent,
  }),
)
if (task === 'stdin') process.stdin.pipe(process.stdout)
if (task === 'exit') process.exit(Number(rest[0]))
if (task === 'exitCode') process.exitCode = Number(rest[0])
if (task === 'throw') throw new Error('thrown by the program')
if (task === 'reject') void Promise.reject(new Error('rejected by the program'))
if (task === 'kill') process.kill(process.pid, rest[0])
if (task === 'wait') {
  process.on('SIGTERM', () => {
    console.log('SIGTERM came')
    process.exit(7)
  })
  setInterval(() => undefined, 1000)
  console.log('waiting')
}
