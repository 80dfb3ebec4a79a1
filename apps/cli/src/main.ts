/** What bin/slotwise loads: runs on import, with the process's own arguments. */
import { runCli } from './cli.js'

const exitCode = await runCli(process.argv.slice(2))
if (exitCode !== null) process.exitCode = exitCode
