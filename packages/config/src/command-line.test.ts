import { expect, test } from 'vitest'
import { parseCommandLine } from './command-line.js'

/** Lines as redis-server would append them; trailing spaces do not matter and are cut here. */
const lines = (...args: string[]): string[] => parseCommandLine(args).lines.map((line) => line.trimEnd())

const rows: [args: string[], lines: string[]][] = [
  [['--port', '7000'], ['port "7000"']],
  [['--port', '7000', '7001'], ['port "7000" "7001"']],
  [['--port 7000'], ['port 7000']],
  [['--port 7000', '--hz 5'], ['port 7000', 'hz 5']],
  [['--port'], ['port']],
  [['--port', '--hz', '5'], ['port "--hz" "5"']],
  [['--logfile', '--x', '--hz', '5'], ['logfile "--x"', 'hz "5"']],
  [['--bind', 'a', 'b', '--hz', '5'], ['bind "a" "b"', 'hz "5"']],
  [['--save', '--hz', '5'], ['save ""', 'hz "5"']],
  [['--hz', '5', '--SAVE'], ['hz "5"', 'SAVE ""']],
  [['--save', '', '--hz', '5'], ['save ""', 'hz "5"']],
  [['--save', '900 1'], ['save "900 1"']],
  [['--requirepass', 'a "b'], ['requirepass "a \\"b"']],
  [['--port=7000'], ['port=7000']],
  [['-x'], ['"-x"']],
  [['--port', '7000', '-x'], ['port "7000" "-x"']],
  [['--port', '7000', '-', '--hz', '1'], ['port "7000" "-"', 'hz "1"']],
  [['x.conf', 'loglevel', 'debug', '--hz', '1'], ['"loglevel" "debug"', 'hz "1"']],
]
test.each(rows)('%j reads as %j', (args, expected) => {
  expect(lines(...args)).toEqual(expected)
})

test('the first word is a file unless it starts with a dash', () => {
  expect(parseCommandLine(['a.conf', '--port', '1']).file).toBe('a.conf')
  expect(parseCommandLine(['--port', '1']).file).toBeNull()
  expect(parseCommandLine([])).toEqual({ action: 'run', file: null, readStdin: false, lines: [] })
})

test('a dash alone, first or last, is standard input', () => {
  expect(parseCommandLine(['-']).readStdin).toBe(true)
  expect(parseCommandLine(['-', '--port', '1']).readStdin).toBe(true)
  expect(parseCommandLine(['a.conf', '--port', '1', '-']).readStdin).toBe(true)
  expect(parseCommandLine(['--port', '1', '-', '--hz', '1']).readStdin).toBe(false)
})

test('help, version and check are asked for by flags of their own', () => {
  for (const flag of ['-h', '--help']) expect(parseCommandLine([flag, '--port', 'x']).action).toBe('help')
  for (const flag of ['-v', '--version']) expect(parseCommandLine([flag]).action).toBe('version')
  expect(parseCommandLine(['a.conf', '--check-config', '--port', '1']))
    .toEqual({ action: 'check', file: 'a.conf', readStdin: false, lines: ['port "1" '] })
  expect(parseCommandLine(['--requirepass', '--check-config']).action).toBe('run')
})
