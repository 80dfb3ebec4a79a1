/** What bin/slotwise-backup loads: runs on import, with the process's own arguments and terminal. */
import { writeSync } from 'node:fs'
import { runBackup } from './backup/cli.js'

process.exitCode = await runBackup(process.argv.slice(2), {
  out: (text) => writeSync(1, text), err: (text) => writeSync(2, text), isTerminal: process.stderr.isTTY,
})
