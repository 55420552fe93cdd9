// Blocked until its child has fetched.
import { execFileSync } from 'node:child_process'

const program = `fetch(${JSON.stringify(process.argv[2])}).then((answer) => answer.text()).then((text) => console.log(text))`
console.log(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' }).trim())
