/**
 * The recorded answers of redis-server 7.0.15 (native/tables/directive-cases.json) hold for these parsers: CONFIG SET
 * is played here on top of them, as the engine does it in C++. test/redis.test.ts asks a live server the same.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseDirective } from './directive-value.js'
import { findDirective } from './directive.js'
import { directives } from './directives.generated.js'

interface RecordedCase { set: string[]; reply: string; get: Record<string, string> }
const path = join(import.meta.dirname, '../../../native/tables/directive-cases.json')
const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { cases: RecordedCase[] }

/** CONFIG SET for one or more pairs, all or nothing; refusals of immutable and protected ones included. */
function configSet(values: Map<string, string>, pairs: readonly string[]): string {
  const wanted: [string, string][] = []
  const failed = (name: string, why: string): string =>
    `ERR CONFIG SET failed (possibly related to argument '${name}') - ${why}`
  for (let i = 0; i < pairs.length; i += 2) {
    const name = pairs[i]!
    const spec = findDirective(name)
    if (spec === null) return `ERR Unknown option or number of arguments for CONFIG SET - '${name}'`
    if (spec.immutable === true) return failed(name, "can't set immutable config")
    if (spec.protected === true) return failed(name, "can't set protected config")
    if (wanted.some(([other]) => other === name.toLowerCase())) return failed(name, 'duplicate parameter')
    wanted.push([name.toLowerCase(), pairs[i + 1]!])
  }
  const next = new Map(values)
  for (const [name, text] of wanted) {
    const spec = findDirective(name)!
    const args = spec.multi !== true ? [text] : text === '' ? [] : text.split(' ')
    const parsed = parseDirective(spec, args, next.get(spec.name)!)
    if ('error' in parsed) return failed(name, parsed.error)
    next.set(spec.name, parsed.value)
  }
  for (const [name, value] of next) values.set(name, value)
  return 'OK'
}

describe('values of directives', () => {
  test('recorded cases get the recorded answers, in order, against one state', () => {
    const values = new Map(directives.map((spec) => [spec.name as string, spec.default]))
    expect(cases.length).toBeGreaterThan(200)
    for (const { set, reply, get } of cases) {
      expect([set, configSet(values, set)]).toEqual([set, reply])
      for (const [name, value] of Object.entries(get))
        expect([set, name, values.get(findDirective(name)!.name)]).toEqual([set, name, value])
    }
  })

  test.each(directives.filter((d) => d.type !== 'primary'))('the default of $name is a value of it', (spec) => {
    const args = spec.multi === true && spec.default !== '' ? spec.default.split(' ') : [spec.default]
    expect(parseDirective(spec, args, spec.default)).toEqual({ value: spec.default })
  })

  const immutable: [name: string, args: string[], expected: { value: string } | { error: string }][] = [
    ['unixsocketperm', ['700'], { value: '700' }],
    ['unixsocketperm', [' 07'], { value: '7' }],
    ['unixsocketperm', ['999'], { error: "argument couldn't be parsed as an octal number" }],
    ['unixsocketperm', ['1000'], { error: 'argument must be between 0 and 777 inclusive' }],
    ['unixsocketperm', ['-1'], { error: 'argument must be between 0 and 777 inclusive' }],
    ['replicaof', ['10.0.0.1', '6379'], { value: '10.0.0.1 6379' }],
    ['replicaof', ['NO', 'One'], { value: '' }],
    ['replicaof', ['a', '65536'], { error: 'Invalid master port' }],
    ['replicaof', ['a'], { error: 'wrong number of arguments' }],
    ['appendfilename', [''], { error: "appendfilename can't be empty" }],
    ['appendfilename', ['a/b'], { error: "appendfilename can't be a path, just a filename" }],
    ['appenddirname', ['a\\b'], { error: "appenddirname can't be a path, just a dirname" }],
    ['dbfilename', [''], { value: '' }],
    ['bind', ['127.0.0.1', '-::1'], { value: '127.0.0.1 -::1' }],
    ['bind', [''], { value: '' }],
    ['bind', Array<string>(17).fill('a'), { error: 'Too many bind addresses specified.' }],
    ['io-threads', ['129'], { error: 'argument must be between 1 and 128 inclusive' }],
    ['port', ['1', '2'], { error: 'wrong number of arguments' }],
    ['supervised', ['SystemD'], { value: 'systemd' }],
  ]
  test.each(immutable)('%s %j', (name, args, expected) => {
    const spec = findDirective(name)!
    expect(parseDirective(spec, args, spec.default)).toEqual(expected)
  })

  test('save points add up only when asked to', () => {
    const save = findDirective('save')!
    expect(parseDirective(save, ['5', '6'], '1 2')).toEqual({ value: '5 6' })
    expect(parseDirective(save, ['5', '6'], '1 2', true)).toEqual({ value: '1 2 5 6' })
    expect(parseDirective(save, [''], '1 2', true)).toEqual({ value: '' })
  })
})
