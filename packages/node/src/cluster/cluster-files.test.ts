import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ClusterFacts, withFileVersion } from '@slotwise/cluster'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ClusterFiles } from './cluster-files.js'

const id = 'a'.repeat(40)
const facts = (currentEpoch: number, lastVoteEpoch: number): ClusterFacts => ({
  id, currentEpoch, lastVoteEpoch, configEpoch: 1,
  migrations: { outgoing: null, incoming: null, doomed: [[7, 7]], taken: [] },
  nodesConf: `${id} 127.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-5460\n` +
    `vars currentEpoch ${currentEpoch} lastVoteEpoch ${lastVoteEpoch}\n`,
})

let path = ''
const lines: string[] = []
const open = (): ReturnType<typeof ClusterFiles.open> => ClusterFiles.open(path, (text) => lines.push(text))
beforeEach(() => void (path = join(mkdtempSync(join(tmpdir(), 'slotwise-files-')), 'nodes.conf')))
afterEach(() => {
  rmSync(join(path, '..'), { recursive: true, force: true })
  lines.length = 0
})

async function saved(...steps: readonly (readonly [ClusterFacts, boolean])[]): Promise<void> {
  const { files } = open()
  for (const [what, durable] of steps) files.save(() => what, { durable })
  await files.close()
}

test('a first start knows nothing, a later one what was saved', async () => {
  const first = open()
  expect(first.saved).toBeUndefined()
  await first.files.close()
  await saved([facts(5, 4), true])
  expect(readFileSync(path, 'utf8')).toBe(withFileVersion(facts(5, 4).nodesConf, 1))
  const { files, saved: found } = open()
  expect(found).toMatchObject({ currentEpoch: 5, lastVoteEpoch: 4, self: { id, configEpoch: 1 } })
  await files.close()
})

test.each([
  ['is gone', () => rmSync(path)],
  ['is torn', () => writeFileSync(path, facts(6, 5).nodesConf.slice(0, -3))],
])('a node whose nodes.conf %s comes back as what it promised last', async (_, damage) => {
  await saved([facts(6, 5), true])
  damage()
  const { files, saved: found } = open()
  expect(found).toMatchObject({ currentEpoch: 6, lastVoteEpoch: 5, self: { id } })
  expect(lines.join()).toContain('cannot be used')
  await files.close()
})

test('a start finds the promises of a copy, how far its log went, and whether there was ever a store', async () => {
  const first = open()
  expect(first.found).toEqual({ facts: null, log: null, isNew: true })
  const note = { history: 'ab'.repeat(20), offset: 77, boot: 'this one' }
  first.files.noteLog(note)
  first.files.save(() => facts(5, 4), { durable: true })
  await first.files.close()
  const second = open()
  expect(second.found).toMatchObject({ facts: { id, currentEpoch: 5 }, log: note, isNew: false })
  await second.files.close()
  rmSync(`${path}.mdb`, { recursive: true })
  const third = open()
  expect(third.found).toEqual({ facts: null, log: null, isNew: false })
  await third.files.close()
})

test('a vote is remembered, whatever an older nodes.conf says', async () => {
  await saved([facts(9, 9), true])
  writeFileSync(path, facts(3, 2).nodesConf)
  const { files, saved: found } = open()
  expect(found).toMatchObject({ currentEpoch: 9, lastVoteEpoch: 9 })
  await files.close()
})

/** What a process that is killed now leaves, as the next one finds it. */
async function foundAfterKill(): Promise<ReturnType<typeof ClusterFiles.open>['saved']> {
  const copy = mkdtempSync(join(tmpdir(), 'slotwise-files-'))
  try {
    cpSync(join(path, '..'), copy, { recursive: true })
    const { files, saved: found } = ClusterFiles.open(join(copy, 'nodes.conf'), (text) => lines.push(text))
    await files.close()
    return found
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

const withSlots = (from: ClusterFacts, slots: string): ClusterFacts => ({ ...from, nodesConf: from.nodesConf.replace('0-5460', slots) })

test('a promise is kept before nodes.conf says so, which it does soon', async () => {
  const { files } = open()
  files.save(() => facts(5, 4), { durable: false })
  const before = readFileSync(path, 'utf8')
  for (let n = 0; n < 20; n++) files.save(() => withSlots(facts(5, 4), `0-${n}`), { durable: true })
  expect(readFileSync(path, 'utf8')).toBe(before)
  const found = await foundAfterKill()
  expect(found!.self.slots).toHaveLength(20)
  expect(found!.migrations).toEqual(facts(5, 4).migrations)
  await vi.waitFor(() => expect(readFileSync(path, 'utf8')).toContain('connected 0-19'), { timeout: 10_000 })
  await files.close()
})

test('what was saved after the last promise counts, without being one', async () => {
  const { files } = open()
  files.save(() => facts(5, 4), { durable: true })
  files.save(() => withSlots(facts(5, 4), '7'), { durable: false })
  expect((await foundAfterKill())!.self.slots).toEqual([7])
  files.save(() => withSlots(facts(5, 4), '8'), { durable: true })
  expect((await foundAfterKill())!.self.slots).toEqual([8])
  await files.close()
  // And the count goes on in the next life.
  const again = open()
  again.files.save(() => withSlots(facts(5, 4), '9'), { durable: false })
  expect((await foundAfterKill())!.self.slots).toEqual([9])
  await again.files.close()
})

test('of what may wait, the first is written at once, and the rest together soon, or with what may not', async () => {
  const { files } = open()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  try {
    const save = (slots: string, mayWait: boolean): void =>
      files.save(() => withSlots(facts(5, 4), slots), { durable: false, mayWait })
    const written = (): string => /connected (\d+)/.exec(readFileSync(path, 'utf8'))?.[1] ?? ''
    save('1', true)
    expect(written()).toBe('1')
    for (let n = 2; n < 20; n++) save(String(n), true)
    expect(written()).toBe('1')
    save('20', false)
    expect(written()).toBe('20')
    save('21', true)
    save('22', true)
    expect(written()).toBe('20')
    vi.advanceTimersByTime(100)
    expect(written()).toBe('22')
    save('23', true)
    expect(written()).toBe('22')
  } finally {
    vi.useRealTimers()
  }
  await files.close()
  expect(readFileSync(path, 'utf8')).toContain('connected 23\n')
})

test('a nodes.conf that redis-server wrote meanwhile counts, also with the same epoch', async () => {
  await saved([facts(5, 4), true])
  writeFileSync(path, withSlots(facts(5, 4), '3').nodesConf)
  const { files, saved: found } = open()
  expect(found!.self.slots).toEqual([3])
  await files.close()
})

test('a nodes.conf that cannot be written is written later, and nothing that was promised is lost meanwhile', async () => {
  const { files } = open()
  mkdirSync(`${path}.new`)
  files.save(() => facts(5, 4), { durable: true })
  await vi.waitFor(() => expect(lines.join()).toContain('cannot be written'), { timeout: 10_000 })
  expect(await foundAfterKill()).toMatchObject({ currentEpoch: 5, lastVoteEpoch: 4 })
  rmSync(`${path}.new`, { recursive: true })
  await vi.waitFor(() => expect(readFileSync(path, 'utf8')).toContain('currentEpoch 5'), { timeout: 10_000 })
  await files.close()
})

test('a file that cannot be believed, with nothing beside it, stops the start', () => {
  writeFileSync(path, 'nonsense\n')
  expect(open).toThrow('Unrecoverable error: corrupted cluster config file.')
})

test('a file belongs to one process, also after it was written anew', async () => {
  const { files } = open()
  expect(open).toThrow('is already used by a different Redis Cluster node')
  files.save(() => facts(1, 0), { durable: false })
  expect(open).toThrow('is already used by a different Redis Cluster node')
  await files.close()
  const again = open()
  await again.files.close()
})
