/**
 * What the disk can do to a server (reliability.md, section 5, rows 57 to 65): a full disk, a folder that is missing,
 * read-only or taken, files that are damaged, cut or gone. In every row nothing acknowledged is lost, nothing damaged
 * is served, and a refusal names the file and what to do.
 */
import { spawnSync } from 'node:child_process'
import {
  appendFileSync, chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync,
  statSync, truncateSync, writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  RespError, startSlotwise, tempDir, waitFor, type RespClient, type ServerProcess, type TempDir,
} from '@slotwise/testing'
import { afterAll, describe, expect, it } from 'vitest'

const isRoot = process.getuid?.() === 0
const server = join(import.meta.dirname, '../../../apps/server/bin/slotwise-server')
const args = ['--appendonly', 'yes']

/** Runs a server that is expected not to start. */
function refused(dir: string, ...more: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath,
    [server, '--port', '0', '--unixsocket', `${dir}.sock`, '--dir', dir, ...args, ...more],
    { encoding: 'utf8', timeout: 60_000 })
  return { status, output: stdout + stderr }
}

const start = (dir: string, ...more: string[]): Promise<ServerProcess> =>
  startSlotwise({ dir, args: [...args, ...more] })

interface Mount extends AsyncDisposable { readonly path: string }

/** A file system of `megabytes`; null where this process may not mount. */
function tmpfs(megabytes: number): Mount | null {
  const folder = tempDir()
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder.path]).status !== 0) {
    void folder.remove()
    return null
  }
  const remove = async (): Promise<void> => {
    spawnSync('umount', ['-l', folder.path])
    await folder.remove()
  }
  return { path: folder.path, [Symbol.asyncDispose]: remove }
}

const canMount = ((): boolean => {
  const mount = isRoot ? tmpfs(1) : null
  void mount?.[Symbol.asyncDispose]()
  return mount !== null
})()

describe.skipIf(!canMount)(`a full disk${canMount ? '' : ' [skipped: this process may not mount]'}`, () => {
  it.each(['always', 'everysec', 'no'])('refuses writes with MISCONF, serves reads, heals, and loses nothing (appendfsync %s)', async (policy) => {
    const mount = tmpfs(16)!
    await using _ = mount
    const filler = join(mount.path, 'filler')
    await using ours = await start(mount.path, '--appendfsync', policy)
    await using writer = await ours.client({ timeoutMs: 60_000 })
    await using other = await ours.client({ timeoutMs: 60_000 })
    expect(await other.command('SET', 'before', 'kept')).toBe('OK')
    writeFileSync(filler, Buffer.alloc(12 << 20))

    // Writes until one is not acknowledged: it waits for space (it has been carried out), or is refused.
    let acknowledged = 0
    const value = (index: number): string => `${index}`.padEnd(10_000, '.')
    const writing = (async (): Promise<void> => {
      while (!(await writer.command('SET', `k${acknowledged}`, value(acknowledged)) instanceof RespError)) acknowledged++
    })()
    const ended = writing.catch(() => undefined) // by the kill
    const health = async (): Promise<string | undefined> =>
      /aof_last_write_status:(\w+)/.exec((await other.command('INFO', 'persistence') as string))?.[1]
    await waitFor(async () => await health() === 'err')
    expect(acknowledged).toBeGreaterThan(100)

    // Every write is refused, alone and in a transaction; reads and everything else go on.
    const misconf = new RespError('MISCONF Errors writing to the AOF file: No space left on device')
    expect(await other.pipeline([['SET', 'probe', 1], ['DEL', 'before']])).toEqual([misconf, misconf])
    expect(await other.pipeline([['MULTI'], ['INCR', 'n'], ['EXEC']])).toEqual(['OK', misconf, new RespError('EXECABORT Transaction discarded because of previous errors.')])
    expect(await other.pipeline([['GET', 'before'], ['EXISTS', 'k0', 'probe'], ['DBSIZE']])).toEqual(['kept', 1, expect.any(Number)])

    rmSync(filler)
    await waitFor(async () => await other.command('SET', 'after', 'healed') === 'OK', { timeoutMs: 60_000 })
    expect(await health()).toBe('ok')
    writeFileSync(filler, Buffer.alloc(6 << 20))
    await using third = await ours.client({ timeoutMs: 60_000 })
    const filling = (async (): Promise<void> => {
      for (let index = 0; ; index++) if (await third.command('SET', `f${index}`, value(index)) instanceof RespError) return
    })().catch(() => undefined)
    await waitFor(async () => await health() === 'err')
    await ours.sigkill()
    await Promise.all([ended, filling])

    rmSync(filler)
    await using again = await start(mount.path, '--appendfsync', policy)
    await using reader = await again.client()
    expect(await reader.pipeline([['GET', 'before'], ['GET', 'after']])).toEqual(['kept', 'healed'])
    for (let index = 0; index < acknowledged; index++) expect(await reader.command('GET', `k${index}`) === value(index), `k${index} of ${acknowledged}`).toBe(true)
  })

  it('that is full from the start is told at start', async () => {
    const mount = tmpfs(1)!
    await using _ = mount
    writeFileSync(join(mount.path, 'filler'), Buffer.alloc(900_000))
    try {
      appendFileSync(join(mount.path, 'filler'), Buffer.alloc(1 << 20))
    } catch {
      // Now it is full.
    }
    const { status, output } = refused(mount.path)
    expect(output).toContain('No space left on device')
    expect(status).toBe(1)
  })
})

/** What makes fdatasync fail on demand; null without a C compiler. */
const failingSync = ((): string | null => {
  const library = join(tempDir().path, 'failing-sync.so')
  const source = join(import.meta.dirname, 'fixtures', 'failing-sync.c')
  return spawnSync('cc', ['-shared', '-fPIC', '-o', library, source, '-ldl']).status === 0 ? library : null
})()

describe.skipIf(failingSync === null)(`an fsync that fails${failingSync === null ? ' [skipped: no C compiler]' : ''}`, () => {
  // With its journal, `always` syncs the segment later: what it acknowledged meanwhile is durable in the journal.
  const startFailing = (
    dir: string, policy: string, trigger: string, journal: boolean,
  ): Promise<ServerProcess> => startSlotwise({
    dir, args: [...args, '--appendfsync', policy],
    env: { LD_PRELOAD: failingSync!, FAILING_SYNC: trigger, SLOTWISE_ABLATE: journal ? '' : 'journal' },
  })

  it.each([false, true])('once: the segment is given up, what it may have lost is written again, nothing acknowledged is lost (journal: %s)', async (journal) => {
    await using dir = tempDir()
    const trigger = join(dir.path, 'trigger')
    await using ours = await startFailing(dir.path, 'always', trigger, journal)
    await using client = await ours.client({ timeoutMs: 60_000 })
    expect(await client.command('SET', 'before', 1)).toBe('OK')
    writeFileSync(trigger, 'once')
    expect(await client.command('SET', 'during', 2)).toBe('OK')
    if (journal) await waitFor(() => !existsSync(trigger))
    expect(existsSync(trigger)).toBe(false)
    await waitFor(() => ours.output.includes('Fail to fsync the AOF file: Input/output error'))
    await waitFor(() => ours.output.includes('AOF write error looks solved')) // writes are refused until then
    expect(existsSync(join(dir.path, 'appendonlydir', 'appendonly.aof.2.incr.aof'))).toBe(true)
    expect(await client.command('SET', 'after', 3)).toBe('OK')
    await ours.sigkill()
    await using again = await start(dir.path)
    await using reader = await again.client()
    expect(await reader.command('MGET', 'before', 'during', 'after')).toEqual(['1', '2', '3'])
  })

  it.each([
    ['always', false], ['always', true], ['everysec', false],
  ])('for ever: nothing more is acknowledged, reads and what was acknowledged stay (appendfsync %s, journal: %s)', async (policy, journal) => {
    await using dir = tempDir()
    const trigger = join(dir.path, 'trigger')
    await using ours = await startFailing(dir.path, policy, trigger, journal)
    await using client = await ours.client({ timeoutMs: 60_000 })
    await using writer = await ours.client({ timeoutMs: 60_000 })
    expect(await client.command('SET', 'before', 1)).toBe('OK')
    writeFileSync(trigger, 'always')
    let acknowledged = false
    const write = writer.command('SET', 'during', 2).then(() => acknowledged = true, () => false)
    await waitFor(async () => (await client.command('INFO', 'persistence') as string).includes('aof_last_write_status:err'))
    expect((await client.command('SET', 'more', 3) as RespError).message).toMatch(/^MISCONF Errors writing to the AOF file: .*Input\/output error$/)
    expect(await client.command('GET', 'before')).toBe('1')
    if (policy === 'always' && journal) await waitFor(() => acknowledged, { what: 'what is durable in the journal' })
    else await sleep(1500)
    if (policy === 'always') expect(acknowledged).toBe(journal)
    rmSync(trigger)
    await waitFor(async () => await client.command('SET', 'healed', 4) === 'OK')
    expect(await write).toBe(true)
    await ours.sigkill()
    await using again = await start(dir.path)
    await using reader = await again.client()
    expect(await reader.command('MGET', 'before', 'during', 'healed', 'more')).toEqual(['1', '2', '4', null])
  })
})

describe('the data directory', () => {
  it('that is missing refuses the start, as in Redis', () => {
    const { status, output } = refused('/nonexistent/slotwise')
    expect(output).toContain('*** FATAL CONFIG FILE ERROR')
    expect(output).toContain('No such file or directory')
    expect(status).toBe(1)
  })

  it.skipIf(!canMount)('that is read-only refuses the start', async () => {
    const mount = tmpfs(1)!
    await using _ = mount
    expect(spawnSync('mount', ['-o', 'remount,ro', mount.path]).status).toBe(0)
    const { status, output } = refused(mount.path)
    expect(output).toContain(`Can't lock the data directory '${mount.path}': Read-only file system`)
    expect(status).toBe(1)
  })

  it.skipIf(isRoot)('that belongs to another refuses the start', async () => {
    await using dir = tempDir()
    chmodSync(dir.path, 0o500)
    const { status, output } = refused(dir.path)
    expect(output).toContain('Permission denied')
    expect(status).toBe(1)
  })

  it('that another process has refuses the start with its pid', async () => {
    await using first = await start((await fresh()).path)
    const { status, output } = refused(first.dir)
    expect(output).toContain(`The data directory '${first.dir}' is locked by pid ${first.pid}`)
    expect(status).toBe(1)
    await using client = await first.client()
    expect(await client.command('PING')).toBe('PONG')
    // The lock goes with its owner, however it ends.
    await first.sigkill()
    await using second = await start(first.dir)
    expect(second.pid).not.toBe(first.pid)
  })

  it.each(['always', 'everysec', 'no'])('that is moved away while the server runs stops the acknowledging until it is back; it is not made again (appendfsync %s)', async (policy) => {
    await using dir = tempDir()
    const folder = join(dir.path, 'appendonlydir')
    await using ours = await start(dir.path, '--appendfsync', policy)
    await using client = await ours.client({ timeoutMs: 60_000 })
    await using writer = await ours.client({ timeoutMs: 60_000 })
    expect(await client.command('SET', 'k', 'v')).toBe('OK')
    renameSync(folder, join(dir.path, 'moved'))
    // One write finds out: it waits for the disk, or has been acknowledged within the promise of its policy.
    let written = 0
    const writing = (async (): Promise<void> => {
      while (!(await writer.command('SET', `w${written}`, written) instanceof RespError)) {
        written++
        await sleep(20)
      }
    })().catch(() => undefined) // by the kill
    await waitFor(async () => (await client.command('INFO', 'persistence') as string).includes('aof_last_write_status:err'))
    expect((await client.command('INCR', 'n') as RespError).message).toMatch(/^MISCONF Errors writing to the AOF file: .*appendonly\.aof\.1\.incr\.aof was removed or replaced while in use$/)
    expect(await client.command('GET', 'k')).toBe('v')
    expect(existsSync(folder)).toBe(false)
    if (policy === 'always') expect(written).toBe(0)

    renameSync(join(dir.path, 'moved'), folder)
    await waitFor(async () => await client.command('SET', 'back', 'again') === 'OK')
    await ours.sigkill()
    await writing
    await using again = await start(dir.path)
    await using reader = await again.client()
    expect(await reader.pipeline([['GET', 'k'], ['GET', 'back']])).toEqual(['v', 'again'])
    for (let index = 0; index < written; index++) expect(await reader.command('GET', `w${index}`)).toBe(`${index}`)
  })

  it('whose place another folder has taken is not written into', async () => {
    await using dir = tempDir()
    const folder = join(dir.path, 'appendonlydir')
    await using ours = await start(dir.path)
    await using client = await ours.client({ timeoutMs: 60_000 })
    expect(await client.command('SET', 'k', 'v')).toBe('OK')
    renameSync(folder, join(dir.path, 'moved'))
    cpSync(join(dir.path, 'moved'), folder, { recursive: true })
    const copy = statSync(join(folder, 'appendonly.aof.1.incr.aof')).size
    await client.command('INCR', 'n')
    await waitFor(async () => (await client.command('INFO', 'persistence') as string).includes('aof_last_write_status:err'))
    expect((await ours.stop()).code).not.toBe(0)
    expect(statSync(join(folder, 'appendonly.aof.1.incr.aof')).size).toBe(copy)
  })
})

const kept: TempDir[] = []
function fresh(): Promise<TempDir> {
  const dir = tempDir()
  kept.push(dir)
  return Promise.resolve(dir)
}

const made = new Map<string, Promise<TempDir>>()

afterAll(async () => {
  for (const dir of [...kept, ...await Promise.all(made.values())]) await dir.remove()
})

/** 2000 SETs of 100 bytes by a server that ended in that way; made once. */
async function make(end: 'stop' | 'sigkill'): Promise<TempDir> {
  const dir = tempDir()
  const ours = await start(dir.path)
  await using client = await ours.client()
  await fill(client, 0, 2000)
  await ours[end]()
  return dir
}

/** A copy of such a directory. */
async function withData(
  end: 'stop' | 'sigkill' = 'stop',
): Promise<{ dir: TempDir; aof: string; idx: string; manifest: string }> {
  const template = made.get(end) ?? make(end)
  made.set(end, template)
  const dir = tempDir()
  cpSync((await template).path, dir.path, { recursive: true })
  const folder = join(dir.path, 'appendonlydir')
  const aof = join(folder, 'appendonly.aof.1.incr.aof')
  return { dir, aof, idx: `${aof}.idx`, manifest: join(folder, 'appendonly.aof.manifest') }
}

async function fill(client: RespClient, from: number, to: number): Promise<void> {
  const commands = Array.from({ length: to - from }, (_, index) => ['SET', `k${from + index}`, `${from + index}`.padEnd(100, '.')])
  expect(new Set(await client.pipeline(commands))).toEqual(new Set(['OK']))
}

describe('a damaged file', () => {
  it.each([0.1, 0.5, 0.9])('stops the start with its name, the offset and what to do (byte at %d of the file)', async (place) => {
    const { dir, aof } = await withData()
    await using _ = dir
    const bytes = readFileSync(aof)
    const at = Math.floor(bytes.length * place)
    bytes[at] = bytes[at]! ^ 1
    writeFileSync(aof, bytes)
    const { status, output } = refused(dir.path)
    expect(status).toBe(1)
    expect(output).toContain('appendonly.aof.1.incr.aof')
    // The block in which it lies: what is before it is good.
    const [, from, to] = /the bytes from (\d+) to (\d+)/.exec(output)!.map(Number)
    expect(from).toBeLessThanOrEqual(at)
    expect(to).toBeGreaterThan(at)
    expect(output).toContain('slotwise-check-aof --fix')
    expect(readFileSync(aof)).toEqual(bytes) // nothing was cut off
  })

  it('in the side file of checksums does not destroy good data', async () => {
    const { dir, aof, idx } = await withData()
    await using _ = dir
    const good = readFileSync(aof)
    const bytes = readFileSync(idx)
    bytes[Math.floor(bytes.length / 2)]! ^= 4
    writeFileSync(idx, bytes)
    const { status, output } = refused(dir.path, '--port', '0', '--check-config')
    expect({ status, output }).toMatchObject({ status: 0 })
    let served: unknown = null
    try {
      await using ours = await start(dir.path)
      await using client = await ours.client()
      served = await client.command('DBSIZE')
    } catch (error) {
      expect(String(error)).toContain('.idx')
    }
    if (served !== null) expect(served).toBe(2000)
    expect(readFileSync(aof).subarray(0, good.length)).toEqual(good)
  })

  it('whose last record is cut off after a crash starts with what is whole, and says so', async () => {
    const { dir, aof } = await withData('sigkill')
    await using _ = dir
    // As a power cut would: a record that was on its way.
    appendFileSync(aof, '*3\r\n$3\r\nSET\r\n$4\r\ntorn\r\n$100\r\nhalf of a val')
    await using ours = await start(dir.path)
    await waitFor(() => /"level":"warn".*truncat/i.test(ours.output), { what: 'the line in the log' })
    await using client = await ours.client()
    expect(await client.pipeline([['DBSIZE'], ['GET', 'torn']])).toEqual([2000, null])
    await ours.stop()
    await using again = await start(dir.path)
    const warnings = again.output.split('\n').filter((line) => line.includes('"level":"warn"'))
    expect(warnings.filter((line) => !line.includes('fsync is taking too long'))).toEqual([])
  })

  it('whose last record is cut off does not start with aof-load-truncated no', async () => {
    const { dir, aof } = await withData('sigkill')
    await using _ = dir
    appendFileSync(aof, '*3\r\n$3\r\nSET\r\n$4\r\ntorn\r\n$100\r\nhalf of a val')
    const { status, output } = refused(dir.path, '--aof-load-truncated', 'no')
    expect(status).toBe(1)
    expect(output).toContain('aof-load-truncated')
  })

  it('that lost bytes which were synced is refused, not shortened', async () => {
    const { dir, aof } = await withData()
    await using _ = dir
    truncateSync(aof, Math.floor(statSync(aof).size / 2))
    const size = statSync(aof).size
    const { status, output } = refused(dir.path)
    expect(status).toBe(1)
    expect(output).toContain('appendonly.aof.1.incr.aof')
    expect(statSync(aof).size).toBe(size)
  })

  it('a transaction that was cut is dropped whole', async () => {
    const { dir, aof } = await withData('sigkill')
    await using _ = dir
    appendFileSync(aof, '*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n1\r\n')
    await using ours = await start(dir.path)
    await using client = await ours.client()
    expect(await client.pipeline([['DBSIZE'], ['EXISTS', 'a', 'b']])).toEqual([2000, 0])
  })
})

describe('the manifest', () => {
  const refusals: [what: string, damage: (files: { manifest: string; aof: string }) => void, words: RegExp][] = [
    ['that is missing beside data', ({ manifest }) => rmSync(manifest), /manifest/i],
    ['that is empty', ({ manifest }) => writeFileSync(manifest, ''), /manifest/i],
    ['with two base files', ({ manifest }) => appendFileSync(manifest, 'file a.base.aof seq 1 type b\nfile b.base.aof seq 2 type b\n'), /Found duplicate base file|base file/i],
    ['with an unknown type', ({ manifest }) => appendFileSync(manifest, 'file a.aof seq 1 type x\n'), /type|format/i],
    ['with a path out of the folder', ({ manifest }) => appendFileSync(manifest, 'file ../a.aof seq 2 type i\n'), /path|name/i],
    ['with a file twice', ({ manifest, aof }) => appendFileSync(manifest, `file ${aof.split('/').at(-1)} seq 2 type i\n`), /twice|duplicate|already|same/i],
    ['that names a file which is not there', ({ manifest }) => appendFileSync(manifest, 'file appendonly.aof.2.incr.aof seq 2 type i\n'), /appendonly\.aof\.2\.incr\.aof/],
    ['that is garbage', ({ manifest }) => writeFileSync(manifest, '\0\x01garbage\n'), /manifest|format/i],
  ]
  it.each(refusals)('%s refuses the start', async (_, damage, words) => {
    const { dir, aof, manifest } = await withData()
    await using _dir = dir
    damage({ manifest, aof })
    const before = readFileSync(aof)
    const { status, output } = refused(dir.path)
    expect(status, output).toBe(1)
    expect(output).toMatch(words)
    expect(readFileSync(aof)).toEqual(before)
  })

  it('leaves files alone that it does not list', async () => {
    const { dir, aof } = await withData()
    await using _ = dir
    const extra = join(dir.path, 'appendonlydir', 'appendonly.aof.77.incr.aof')
    copyFileSync(aof, extra)
    await using ours = await start(dir.path)
    await using client = await ours.client()
    expect(await client.command('DBSIZE')).toBe(2000)
    expect(readdirSync(join(dir.path, 'appendonlydir'))).toContain('appendonly.aof.77.incr.aof')
  })

  it('of an empty folder is made; a folder named by appenddirname too', async () => {
    await using dir = tempDir()
    mkdirSync(join(dir.path, 'other'))
    await using ours = await start(dir.path, '--appenddirname', 'other', '--appendfilename', 'x.aof')
    await using client = await ours.client()
    await client.command('SET', 'k', 'v')
    expect(readdirSync(join(dir.path, 'other')).sort()).toEqual(expect.arrayContaining(['x.aof.1.incr.aof', 'x.aof.manifest']))
  })
})
