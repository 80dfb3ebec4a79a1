/** What bin/slotwise-follow loads: runs on import, with the process's own arguments, terminal and signals. */
import { writeSync } from 'node:fs'
import { runFollow } from './cli.js'

const controller = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort())

process.exitCode = await runFollow(process.argv.slice(2), {
  out: (text) => writeSync(1, text), err: (text) => writeSync(2, text), isTerminal: process.stderr.isTTY,
  env: process.env, signal: controller.signal,
})
