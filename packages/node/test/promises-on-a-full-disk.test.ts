/**
 * A vote, an epoch, a claim are written before they are acted upon. On a full disk that fails, and then nothing is
 * acted upon (ClusterDriver ends the process): what was written last before is what the next start finds.
 */
import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '@slotwise/testing'
import { type ClusterFacts } from '@slotwise/cluster'
import { describe, expect, it } from 'vitest'
import { ClusterFiles } from '../src/cluster/cluster-files.js'

const idOf = (number: number): string => number.toString(16).padStart(40, '0')

/** A node that has voted in `epoch`, among so many others. */
const facts = (epoch: number, others: number): ClusterFacts => ({
  id: idOf(0), currentEpoch: epoch, lastVoteEpoch: epoch, configEpoch: 1,
  migrations: { outgoing: null, incoming: null, doomed: [], taken: [] },
  nodesConf: [
    `${idOf(0)} 127.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-5460`,
    ...Array.from({ length: others }, (_, index) => `${idOf(index + 1)} 10.0.0.1:7000@17000 master - 0 0 0 connected`),
    `vars currentEpoch ${epoch} lastVoteEpoch ${epoch}`, '',
  ].join('\n'),
})

function mountOf(size: string): { path: string; [Symbol.asyncDispose](): Promise<void> } | null {
  const folder = tempDir()
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder.path]).status !== 0) {
    void folder.remove()
    return null
  }
  return {
    path: folder.path,
    async [Symbol.asyncDispose]() {
      spawnSync('umount', ['-l', folder.path])
      await folder.remove()
    },
  }
}

const canMount = ((): boolean => {
  const mount = process.getuid?.() === 0 ? mountOf('1m') : null
  void mount?.[Symbol.asyncDispose]()
  return mount !== null
})()

describe.skipIf(!canMount)(`promises on a full disk${canMount ? '' : ' [skipped: this process may not mount]'}`, () => {
  it('are made or refused, and the last that was made is found', async () => {
    const mount = mountOf('4m')!
    await using _ = mount
    const path = join(mount.path, 'nodes.conf')
    const filler = join(mount.path, 'filler')
    const { files } = ClusterFiles.open(path, () => undefined)
    files.save(() => facts(1, 10), { durable: true })
    writeFileSync(filler, Buffer.alloc(2 << 20))
    let last = 1
    expect(() => {
      for (let epoch = 2; epoch < 400; epoch++) {
        files.save(() => facts(epoch, epoch * 100), { durable: true })
        last = epoch
      }
    }).toThrow()
    expect(last).toBeGreaterThan(1)
    // Refused again, and again what was there stays; with space it goes on.
    expect(() => files.save(() => facts(last + 1, last * 200), { durable: true })).toThrow()
    rmSync(filler)
    await files.close()
    const again = ClusterFiles.open(path, () => undefined)
    expect(again.saved).toMatchObject({ currentEpoch: last, lastVoteEpoch: last, self: { id: idOf(0) } })
    again.files.save(() => facts(last + 1, 10), { durable: true })
    await again.files.close()
    const third = ClusterFiles.open(path, () => undefined)
    expect(third.saved).toMatchObject({ currentEpoch: last + 1, lastVoteEpoch: last + 1 })
    await third.files.close()
  }, 120_000)
})
