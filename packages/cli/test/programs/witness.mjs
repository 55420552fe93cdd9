// As witness.cjs, as an ES module.
console.log(JSON.stringify({ url: import.meta.url, argv: process.argv, execArgv: process.execArgv }))
if (process.argv[2] === 'throw') throw new Error('thrown by the program')
if (process.argv[2] === 'never') await new Promise(() => undefined)
