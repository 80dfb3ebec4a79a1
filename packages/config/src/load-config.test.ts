import { describe, expect, test } from 'vitest'
import { ConfigError } from './config-error.js'
import type { ConfigFiles } from './config-files.js'
import { loadConfig, type LoadOptions } from './load-config.js'
import type { ServerConfig } from './server-config.js'

/** A disk of texts. Every directory exists but those called `missing`. */
function disk(texts: Record<string, string>, stdin = ''): ConfigFiles {
  const absent = { error: 'No such file or directory' }
  return {
    read: (path) => texts[path] === undefined ? absent : { value: texts[path] },
    readStdin: () => ({ value: stdin }),
    match: (pattern) => Object.keys(texts).filter((path) => path.startsWith(pattern.replace(/\*.*$/, ''))).sort(),
    directory: (path) => path.includes('missing') || path === '' ? absent : { value: path },
    openLog: (path) => path.includes('missing') ? absent : { value: null },
  }
}

function load(text: string | null, args: string[] = [], more: LoadOptions = {}): ServerConfig {
  const files = disk(text === null ? {} : { '/etc/s.conf': text })
  return loadConfig({ cwd: '/etc', files, args: [...(text === null ? [] : ['s.conf']), ...args], ...more })
}

function failure(action: () => unknown): ConfigError {
  try {
    action()
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('where values come from', () => {
  test('without anything all are defaults', () => {
    const config = load(null)
    expect(config.entries()).toEqual([])
    expect(config.get('port')).toBe('6379')
    expect(config.origin('port')).toEqual({ source: 'default' })
    expect(config.file).toBeNull()
    expect(config.warnings).toEqual([])
  })

  test('flags go over environment over standard input over file', () => {
    const files = disk({ '/etc/s.conf': 'port 1\nhz 11\ntimeout 1\ndatabases 3\n' }, 'hz 12\ntimeout 2\ndatabases 4')
    const env = { SLOTWISE_TIMEOUT: '3', SLOTWISE_DATABASES: '5', PORT: '9' }
    const config = loadConfig({ cwd: '/etc', files, env, args: ['s.conf', '--databases', '6', '-'] })
    expect(config.entries()).toEqual([['databases', '6'], ['hz', '12'], ['port', '1'], ['timeout', '3']])
    expect(config.origin('databases')).toEqual({ source: 'commandLine' })
    expect(config.origin('timeout')).toEqual({ source: 'environment', variable: 'SLOTWISE_TIMEOUT' })
    expect(config.origin('hz')).toEqual({ source: 'stdin', line: 1 })
    expect(config.origin('port')).toEqual({ source: 'file', file: '/etc/s.conf', line: 1 })
    expect(config.file).toBe('/etc/s.conf')
  })

  test('the environment takes lists, aliases and empty values', () => {
    const config = load(null, [], {
      env: {
        SLOTWISE_BIND: '127.0.0.1 "::1"', SLOTWISE_SAVE: '', SLOTWISE_SLAVE_PRIORITY: '5',
        SLOTWISE_REQUIREPASS: 'a "b c', SLOTWISE_SERVER_CPULIST: '0', SLOTWISE_NONSENSE: '1',
      },
    })
    expect(config.words('bind')).toEqual(['127.0.0.1', '::1'])
    expect(config.words('save')).toEqual([])
    expect(config.int('replica-priority')).toBe(5)
    expect(config.get('requirepass')).toBe('a "b c')
    expect(config.warnings.filter((line) => line.includes('NONSENSE'))).toHaveLength(1)
  })
})

describe('reading files', () => {
  test('comments, blank lines, case, quotes, tabs and CRLF', () => {
    const config = load('# a\r\n\r\n\tPORT 7000\r\n  requirepass "a # \\x41"\r\n#port 1\r\nlogfile ""')
    expect(config.int('port')).toBe(7000)
    expect(config.get('requirepass')).toBe('a # A')
  })

  test('save points of a file and flags add up; the first replaces the default; an empty one clears', () => {
    expect(load('hz 5').get('save')).toBe('3600 1 300 100 60 10000')
    expect(load('save 900 1\nsave 300 10').get('save')).toBe('900 1 300 10')
    expect(load('save 900 1', ['--save', '100 100']).get('save')).toBe('900 1 100 100')
    expect(load('save 900 1', ['--save', '']).get('save')).toBe('')
    expect(load('save ""\nsave 5 5').get('save')).toBe('5 5')
  })

  test('the last one wins, also through an alias', () => {
    expect(load('hash-max-ziplist-entries 1\nhash-max-listpack-entries 2').get('hash-max-ziplist-entries')).toBe('2')
    expect(load('hash-max-listpack-entries 2\nhash-max-ziplist-entries 1').get('hash-max-listpack-entries')).toBe('1')
  })

  test('output limits are set class by class', () => {
    const config = load('client-output-buffer-limit pubsub 1mb 1 2\nclient-output-buffer-limit slave 3 4 5')
    expect(config.get('client-output-buffer-limit')).toBe('normal 1073741824 0 0 slave 3 4 5 pubsub 1048576 1 2')
  })

  test('includes are read in place, relative to the working directory or to dir once it is set', () => {
    const files = disk({
      '/etc/s.conf': 'port 1\ninclude a.conf\nport 3\ndir /data\ninclude b.conf\ninclude conf.d/*.conf\ninclude no/*',
      '/etc/a.conf': 'port 2\nhz 20',
      '/data/b.conf': 'timeout 7',
      '/data/conf.d/1.conf': 'databases 2',
      '/data/conf.d/2.conf': 'databases 3',
    })
    const config = loadConfig({ cwd: '/etc', files, args: ['s.conf'] })
    expect([config.int('port'), config.int('hz'), config.int('timeout')]).toEqual([3, 20, 7])
    expect(config.int('databases')).toBe(3)
    expect(config.origin('hz')).toEqual({ source: 'file', file: '/etc/a.conf', line: 2 })
  })

  test('dir becomes absolute, step by step', () => {
    expect(load('dir data\ndir ../x').get('dir')).toBe('/etc/x')
  })

  test('renamed commands are collected, and checked where commands are known', () => {
    const text = 'rename-command FLUSHALL ""\nrename-command config admin'
    expect(load(text).renamedCommands.map(({ from, to }) => [from, to])).toEqual([['flushall', ''], ['config', 'admin']])
    const commands = ['flushall', 'config', 'get']
    expect(load(text, [], { commands }).renamedCommands).toHaveLength(2)
    expect(failure(() => load('rename-command foo bar', [], { commands })).message)
      .toBe('No such command in rename-command')
    expect(failure(() => load('rename-command config GET', [], { commands })).message)
      .toBe('Target command name already exists')
    expect(failure(() => load('rename-command config ""\nrename-command config x', [], { commands })).line?.number).toBe(2)
  })
})

test('declared users are collected with their rules, in order', () => {
  const { users } = load('user bob on >"a b" (+get ~a)\nUSER default off', ['--user', 'eve', 'on'])
  expect(users.map(({ name, rules }) => [name, ...rules])).toEqual([
    ['bob', 'on', '>a b', '(+get', '~a)'], ['default', 'off'], ['eve', 'on'],
  ])
})

describe('warnings', () => {
  test('one for each directive without effect, and only if it says more than the default', () => {
    const { warnings } = load('slave-lazy-flush no\nslave-lazy-flush yes\nlua-time-limit 6000\nport 1\n' +
      'gopher-enabled no\nlist-max-ziplist-value 64')
    expect(warnings).toEqual([
      "'gopher-enabled' is ignored: Gopher protocol, gone since 7.0. (/etc/s.conf line 5)",
      "'list-max-ziplist-value' is ignored: Replaced by list-max-listpack-size. (/etc/s.conf line 6)",
      "'replica-lazy-flush' has no effect yet (/etc/s.conf line 2)",
      "'busy-reply-threshold' has no effect yet (/etc/s.conf line 3)",
    ])
  })

  test('save points take effect, so save warns of nothing', () => {
    expect(load('save ""').warnings).toEqual([])
    expect(load('save 900 1').warnings).toEqual([])
  })
})

describe('refusals', () => {
  const rows: [text: string | null, args: string[], line: number | null, shown: string | null, reason: string][] = [
    ['port 1\n  foo bar \n', [], 2, 'foo bar', 'Bad directive or wrong number of arguments'],
    ['port 1\nfoo bar "baz', [], 2, 'foo bar "baz', 'Unbalanced quotes in configuration line'],
    [null, ['--port'], 2, 'port', 'wrong number of arguments'],
    [null, ['--port', '1', '2'], 2, 'port "1" "2"', 'wrong number of arguments'],
    [null, ['--hz', '1', '--loglevel'], 3, 'loglevel', 'wrong number of arguments'],
    [null, ['--port=1'], 2, 'port=1', 'Bad directive or wrong number of arguments'],
    [null, ['-x'], 2, '"-x"', 'Bad directive or wrong number of arguments'],
    ['hz 1\nhz 2\n', ['--maxmemory', '1x'], 4, 'maxmemory "1x"', 'argument must be a memory value'],
    ['dir /missing', [], 1, 'dir /missing', 'No such file or directory'],
    ['dir ""', [], 1, 'dir ""', 'No such file or directory'],
    ['include', [], 1, 'include', 'Bad directive or wrong number of arguments'],
    ['include a b', [], 1, 'include a b', 'Bad directive or wrong number of arguments'],
    ['rename-command get', [], 1, 'rename-command get', 'Bad directive or wrong number of arguments'],
    ['user', [], 1, 'user', 'Bad directive or wrong number of arguments'],
    ['user a on\nuser b\nuser a', [], 3, 'user a',
      "Error in user declaration 'a': Duplicate user found. A user can only be defined once in config files"],
    ['sentinel monitor a', [], 1, 'sentinel monitor a', 'sentinel directive while not in sentinel mode'],
    ['mod.x', [], 1, 'mod.x', 'Module config specified without value'],
    ['mod.x 1', [], 1, 'mod.x 1',
      'Module Configuration detected without loadmodule directive or no ApplyConfig call: aborting'],
    ['list-max-ziplist-entries 1 2', [], 1, 'list-max-ziplist-entries 1 2',
      'Bad directive or wrong number of arguments'],
    [null, ['--shutdown-on-sigint', 'now force', '--shutdown-on-sigterm'], 3, 'shutdown-on-sigterm',
      'argument(s) must be one of the following: default, save, nosave, now, force'],
    ['include nofile', [], null, null, "Fatal error, can't open config file 'nofile': No such file or directory"],
    ['include s.conf', [], 1, 'include s.conf', 'Too many nested includes (more than 16)'],
    ['logfile missing/x', [], null, null, "Can't open the log file: No such file or directory"],
    ['cluster-enabled yes\nreplicaof a 1', [], null, null, 'replicaof directive not allowed in cluster mode'],
  ]
  test.each(rows)('%j with %j', (text, args, line, shown, reason) => {
    const error = failure(() => load(text, args))
    expect(error.message).toBe(reason)
    expect([error.line?.number ?? null, error.line?.text ?? null]).toEqual([line, shown])
  })

  test('a missing file is told with its whole path', () => {
    expect(failure(() => loadConfig({ cwd: '/etc', files: disk({}), args: ['no.conf'] })).message)
      .toBe("Fatal error, can't open config file '/etc/no.conf': No such file or directory")
  })

  test('a fault in an included file names that file', () => {
    const files = disk({ '/etc/s.conf': 'hz 1\nhz 2\ninclude a.conf', '/etc/a.conf': '\nport x' })
    const error = failure(() => loadConfig({ cwd: '/etc', files, args: ['s.conf'] }))
    expect(error.line).toEqual({ number: 2, text: 'port x', where: '/etc/a.conf' })
  })

  test('a fault in the environment names the variable', () => {
    expect(failure(() => load(null, [], { env: { SLOTWISE_PORT: 'x' } })).message)
      .toBe("argument couldn't be parsed into an integer (the environment variable SLOTWISE_PORT, directive 'port')")
  })

  test('the report is the block redis-server prints, with the place below', () => {
    const error = failure(() => load('port 1\nfoo bar'))
    expect(error.report('Slotwise 0.1.0')).toBe('\n*** FATAL CONFIG FILE ERROR (Slotwise 0.1.0) ***\n' +
      "Reading the configuration file, at line 2\n>>> 'foo bar'\nBad directive or wrong number of arguments\n" +
      '(in /etc/s.conf)\n')
    expect(failure(() => load('logfile missing/x')).report('S 1'))
      .toBe("\n*** FATAL CONFIG FILE ERROR (S 1) ***\nCan't open the log file: No such file or directory\n")
  })
})

describe('typed readings', () => {
  const config = load('maxmemory 100mb\nmaxmemory-clients 5%\nunixsocketperm 700\nappendonly yes\nhz 1000')
  test('numbers, modes and switches', () => {
    expect(config.int('maxmemory')).toBe(104_857_600)
    expect(config.int('unixsocketperm')).toBe(0o700)
    expect(config.int('hz')).toBe(500)
    expect(config.bool('appendonly')).toBe(true)
  })

  test('what is no number or switch is refused', () => {
    expect(() => config.int('maxmemory-clients')).toThrow(RangeError)
    expect(() => load('maxmemory 18446744073709551615').int('maxmemory')).toThrow(RangeError)
    expect(() => config.int('loglevel')).toThrow(TypeError)
    expect(() => config.bool('port')).toThrow(TypeError)
  })
})
