/**
 * A primary and one client are cut off from the others in a network of namespaces, and come back. All fault schedules,
 * with strict semi-sync and redis-server beside it: partitions.soak.ts, `npm run test:partitions`.
 */
import { describePeer, whyNoNetwork } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'
import { NODE_TIMEOUT_MS, runFault, settings, tableRow } from './fixtures/partitions.js'

const reason = whyNoNetwork()
const [ours] = settings

const title = 'a primary that is cut off with some of its clients'

function body(): void {
  it('has stopped before another serves its slots, and everybody agrees when the network is whole again', async () => {
    const outcome = await runFault('minority', ours!, { beforeMs: 500, faultMs: 2 * NODE_TIMEOUT_MS, untilServedMs: 60_000, afterMs: 500 })
    const row = tableRow('minority', ours!, outcome)
    expect(outcome.overlapMs, row).toBe(0)
    expect(outcome.oldPrimaryMs, row).toBeLessThan(NODE_TIMEOUT_MS)
    expect(outcome.gapMs, row).toBeLessThan(outcome.faultMs - 100) // the other side was served
    expect(outcome.acknowledged, row).toBeGreaterThan(100)
  }, 300_000)
}

// Namespaces need root and a kernel that has them; the reason is told where they are missing.
if (reason === null) describePeer('redis-cli', title, body)
else describe.skip(`${title} [skipped: ${reason}]`, body)
