/** What bin/slotwise-check-aof loads: runs on import, with the process's own arguments and terminal. */
import { readSync, writeSync } from 'node:fs'
import { checkAof } from '@slotwise/node'

/** One line of standard input, without the end; '' at its end. Byte by byte: the rest belongs to whoever reads next. */
function readLine(): string {
  const byte = Buffer.alloc(1)
  let line = ''
  while (readSync(0, byte) === 1 && byte[0] !== 10) line += byte.toString('latin1')
  return line
}

process.exitCode = checkAof({ args: process.argv.slice(2), print: (text) => writeSync(1, text), readLine })
