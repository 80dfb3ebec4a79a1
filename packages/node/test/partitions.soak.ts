/**
 * Fault schedules in a network of namespaces, for nodes of ours, with strict semi-sync and quorum, and for redis-server
 * beside them: a primary and a client in the minority, a primary that nobody hears, a cut between two primaries, links
 * that come and go, a cable that loses and one that delays and reorders, SIGSTOP, kill -9, kill -9 and a return without
 * data, a full disk, a wall clock that jumps. `npm run test:partitions` prints the table; of what is asynchronous the
 * lost writes are figures, not promises.
 */
import { describePeer, whyNoNetwork } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { faultNames, NODE_TIMEOUT_MS, runFault, settings, tableRow, UNSENT_MAX } from './fixtures/partitions.js'

const reason = whyNoNetwork()
const rounds = Number(process.env.SLOTWISE_PARTITION_ROUNDS ?? 1)
const only = process.env.SLOTWISE_PARTITION_FAULTS?.split(',')
const times = { beforeMs: 4000, faultMs: 5 * NODE_TIMEOUT_MS, afterMs: 4000 }
const cases = Array.from({ length: rounds }, (_, round) => faultNames.filter((fault) => only?.includes(fault) ?? true)
  .flatMap((fault) => settings.map((setting) => [fault, setting.name, round + 1, setting] as const))).flat()

describePeer(['redis-server', 'redis-cli'], 'a fault', () => {
  it.skipIf(reason !== null).each(cases)(`%s: %s, round %i${reason === null ? '' : ` [skipped: ${reason}]`}`, async (fault, name, round, setting) => {
    const outcome = await runFault(fault, setting, times, round)
    const row = tableRow(fault, setting, outcome)
    console.log(row)
    expect(outcome.acknowledged, row).toBeGreaterThan(1000)
    if (setting.kind === 'redis') return // its row is what it is
    expect(outcome.overlapMs, row).toBe(0)
    if (fault === 'minority' || fault === 'stopped') expect(outcome.oldPrimaryMs, row).toBeLessThan(NODE_TIMEOUT_MS)
    if (name !== 'ours' || ['killed', 'disk full', 'one link', 'clock'].includes(fault)) expect(outcome.lost, row).toBe(0)
    if (fault === 'emptied') expect(outcome.lost, row).toBeLessThanOrEqual(UNSENT_MAX)
    if (fault === 'clock') expect(outcome.gapMs, row).toBeLessThan(NODE_TIMEOUT_MS) // nobody is replaced for it
  }, 180_000)
})
