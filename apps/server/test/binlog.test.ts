/** slotwise-binlog over the files of a running server: formats, filters, bad arguments; what it prints is of use. */
import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startSlotwise, tempDir, waitFor } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'

const tool = join(import.meta.dirname, '../bin/slotwise-binlog')
function print(...args: string[]): { status: number | null; lines: string[]; stdout: Buffer; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [tool, ...args], { timeout: 60_000 })
  return { status, lines: String(stdout).split('\n').slice(0, -1), stdout, stderr: String(stderr) }
}
const withoutTime = (line: string): string => line.replace(/ (\d{4}-\S+Z|-) /, ' ') // '-' before a block ends, which tells the time

describe('slotwise-binlog', () => {
  it('prints what a server has written, whole or in part', async () => {
    await using server = await startSlotwise({ args: ['--appendonly', 'yes'] })
    await using client = await server.client()
    await client.pipeline([['SET', 'user:1', 'a "b"\r\n'], ['SELECT', 2], ['MULTI'], ['INCR', 'n'], ['INCR', 'user:n'], ['EXEC'], ['SELECT', 0], ['DEL', 'user:1', 'x']])
    const file = 'appendonly.aof.1.incr.aof'
    await waitFor(() => print(server.dir).lines.length === 6, { what: 'the last write' })
    const all = print(server.dir)
    expect(all.status).toBe(0)
    expect(all.lines.map(withoutTime)).toEqual([
      `${file}:23 [0] "SET" "user:1" "a \\"b\\"\\r\\n"`, `${file}:84 [2] "MULTI"`, `${file}:99 [2] "INCR" "n"`, `${file}:120 [2] "INCR" "user:n"`,
      `${file}:146 [2] "EXEC"`, expect.stringMatching(/ \[0\] "DEL" "user:1" "x"$/) as string,
    ])
    expect(print('--keys', 'user:*', '--db', '2', join(server.dir, 'appendonlydir')).lines.map(withoutTime)).toEqual([
      `${file}:84 [2] "MULTI"`, `${file}:120 [2] "INCR" "user:n"`, `${file}:146 [2] "EXEC"`,
    ])
    expect(print('--start-position', '1:120', '--stop-position', `${file}:146`, server.dir).lines.map(withoutTime)).toEqual([`${file}:120 [2] "INCR" "user:n"`])
    expect(print('--stop-time', '2001-01-01T00:00:00Z', server.dir).lines).toEqual([])
    expect(print('--start-time', '2001-01-01T00:00:00Z', server.dir).lines).toHaveLength(6)
    expect(JSON.parse(print('--format', 'json', '--stop-position', '80', server.dir).lines[0]!)).toMatchObject({ file, position: 23, db: 0, command: ['SET', 'user:1', 'a "b"\r\n'] })

    const { stdout } = print('--format', 'resp', server.dir)
    await using other = await startSlotwise()
    await using there = await other.client()
    there.send(stdout)
    await waitFor(async () => {
      await using look = await other.client()
      await look.command('SELECT', 2)
      return await look.command('GET', 'user:n') === '1'
    }, { what: 'what was piped' })
  })

  it('says what is wrong', async () => {
    await using dir = tempDir()
    const path = join(dir.path, 'appendonly.aof.1.incr.aof')
    writeFileSync(path, '*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n')
    expect(print('--start-position', '5', path)).toMatchObject({ status: 1, stderr: 'slotwise-binlog: appendonly.aof.1.incr.aof:5 lies inside of a command that ends at 14\n' })
    expect(print(path).lines).toEqual(['appendonly.aof.1.incr.aof:0 - [0] "PING"', 'appendonly.aof.1.incr.aof:14 - [0] "INCR" "n"'])
    appendFileSync(path, '*2\r\n$4\r\nINC')
    expect([print(path).status, print(path).lines.length]).toEqual([0, 2])
    appendFileSync(path, 'Rxx')
    expect(print(path)).toMatchObject({ status: 1, stderr: expect.stringContaining('near byte 35') as string })
    for (const args of [[], ['--format', 'x', path], ['--start-position', 'x', path], ['--start-time', 'yesterday', path], ['--db', '-1', path], ['--what', path]]) {
      expect([args, print(...args).status]).toEqual([args, 2])
    }
    for (const args of [[join(dir.path, 'none')], [mkdtempSync(join(dir.path, 'empty'))], ['--start-position', '7:0', path]]) expect(print(...args).status).toBe(1)
    expect(print('--help')).toMatchObject({ status: 0, lines: expect.arrayContaining(['Usage: slotwise-binlog [options] DIR | FILE...']) as string[] })
  })
})
