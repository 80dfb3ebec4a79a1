import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClusterFacts } from '@slotwise/cluster'
import { afterEach, beforeEach, expect, test } from 'vitest'
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
  for (const [what, durable] of steps) files.save(what, durable)
  await files.close()
}

test('a first start knows nothing, a later one what was saved', async () => {
  const first = open()
  expect(first.saved).toBeUndefined()
  await first.files.close()
  await saved([facts(5, 4), true])
  expect(readFileSync(path, 'utf8')).toBe(facts(5, 4).nodesConf)
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

test('a vote is remembered, whatever an older nodes.conf says', async () => {
  await saved([facts(9, 9), true])
  writeFileSync(path, facts(3, 2).nodesConf)
  const { files, saved: found } = open()
  expect(found).toMatchObject({ currentEpoch: 9, lastVoteEpoch: 9 })
  await files.close()
})

test('a file that cannot be believed, with nothing beside it, stops the start', () => {
  writeFileSync(path, 'nonsense\n')
  expect(open).toThrow('Unrecoverable error: corrupted cluster config file.')
})

test('a file belongs to one process, also after it was written anew', async () => {
  const { files } = open()
  expect(open).toThrow('is already used by a different Redis Cluster node')
  files.save(facts(1, 0), false)
  expect(open).toThrow('is already used by a different Redis Cluster node')
  await files.close()
  const again = open()
  await again.files.close()
})
