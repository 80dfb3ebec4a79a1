/**
 * slotwise-check-aof beside redis-check-aof on the same files: output, answers to its question, exit codes, and what it
 * makes of the file.
 */
import { spawnSync } from 'node:child_process'
import { appendFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describePeer, startSlotwise, tempDir } from '@slotwise/testing'
import { expect, it } from 'vitest'

const ours = join(import.meta.dirname, '../bin/slotwise-check-aof')

function check(program: 'ours' | 'theirs', args: readonly string[], input = ''): { status: number | null; output: string } {
  const [command, before] = program === 'ours' ? [process.execPath, [ours]] : ['redis-check-aof', []]
  const { status, stdout, stderr } = spawnSync(command, [...before, ...args], { encoding: 'utf8', input, timeout: 60_000 })
  return { status, output: (stdout + stderr).replaceAll(/(slotwise|redis)-check-aof/g, 'check-aof') }
}

describePeer('redis-check-aof', 'slotwise-check-aof', () => {
  it('takes commands behind an RDB with keys, the layout before Redis 7, and cuts only them', async () => {
    await using dir = tempDir()
    const server = await startSlotwise({ dir: dir.path })
    await using client = await server.client()
    await client.pipeline([['SET', 'a', '1'], ['RPUSH', 'list', 'x', 'y'], ['HSET', 'hash', 'f', 'v'], ['SAVE']])
    await server.stop()
    const rdb = readFileSync(join(dir.path, 'dump.rdb'))
    const tail = '*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n2\r\n'
    const make = (name: string, ...parts: (string | Buffer)[]): string => {
      const path = join(dir.path, name)
      writeFileSync(path, Buffer.concat(parts.map((part) => Buffer.from(part))))
      return path
    }
    const damaged = Buffer.from(rdb)
    damaged[damaged.length - 12]! ^= 1
    for (const program of ['ours', 'theirs'] as const) {
      expect(check(program, [make(program, rdb, tail)])).toMatchObject({ status: 0 })
      expect(check(program, [make(program, rdb)])).toMatchObject({ status: 0 })
      expect(check(program, [make(program, damaged, tail)])).toMatchObject({ status: 1 })
      const torn = make(program, rdb, tail, tail.slice(0, 20))
      expect(check(program, [torn])).toMatchObject({ status: 1 })
      expect(check(program, ['--fix', torn], 'y\n')).toMatchObject({ status: 0 })
      expect(readFileSync(torn)).toEqual(Buffer.concat([rdb, Buffer.from(tail)]))
    }
  })

  it('says what redis-check-aof says, and repairs as it does', async () => {
    await using dir = tempDir()
    const server = await startSlotwise({ dir: dir.path, args: ['--appendonly', 'yes'] })
    await using client = await server.client()
    await client.pipeline(Array.from({ length: 100 }, (_, index) => ['SET', `k${index}`, 'v']))
    await server.sigkill()
    const folder = join(dir.path, 'appendonlydir')
    const manifest = join(folder, 'appendonly.aof.manifest')
    expect(check('ours', [manifest])).toEqual(check('theirs', [manifest]))
    expect(check('ours', [manifest]).status).toBe(0)

    const torn = (name: string): string => {
      cpSync(folder, join(dir.path, name), { recursive: true })
      const file = join(dir.path, name, 'appendonly.aof.1.incr.aof')
      appendFileSync(file, '*3\r\n$3\r\nSET\r\n$4\r\ntorn\r\n$9\r\nhal')
      return file
    }
    const [one, two] = [torn('one'), torn('two')]
    const paths = (found: { status: number | null; output: string }): unknown => ({ ...found, output: found.output.replaceAll(/\/(one|two)\//g, '/x/') })
    for (const [args, input] of [[[], ''], [['--fix'], 'n\n'], [['--fix'], 'y\n'], [[], '']] as const) {
      const found = check('ours', [...args, join(one, '../appendonly.aof.manifest')], input)
      expect(paths(found)).toEqual(paths(check('theirs', [...args, join(two, '../appendonly.aof.manifest')], input)))
      expect(readFileSync(one)).toEqual(readFileSync(two))
    }
    for (const args of [[], ['nonexistent'], ['--fix'], ['--nonsense', one]]) expect(check('ours', args)).toEqual(check('theirs', args))
  })
})
