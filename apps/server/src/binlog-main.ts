/** What bin/slotwise-binlog loads: runs on import, with the process's own arguments and terminal. */
import { writeSync } from 'node:fs'
import { runBinlog } from './binlog/cli.js'

process.exitCode = await runBinlog(process.argv.slice(2), {
  out: (text) => typeof text === 'string' ? writeSync(1, text) : writeSync(1, text), err: (text) => writeSync(2, text),
})
