/**
 * `npm run test:member-kills [-- --rounds 5]`: four HTTP services as members, one killed under autocannon with as many
 * requests as go. Prints figures; fails if more fails than what was in flight to the dead one, if anything that its
 * copy had is lost, or if the median of the recovery is beyond the fail-over bound, T + 1.5 s.
 */
import { expect, it } from 'vitest'
import { killOneOfFour, type Outcome } from './services.js'

const rounds = Number(process.env.SLOTWISE_MEMBER_KILL_ROUNDS ?? '3')
const settings = { nodeTimeoutMs: 2000, connections: 10, beforeMs: 3000, afterMs: 3000 }

it('services as members, one killed', async () => {
  const outcomes: Outcome[] = []
  for (let round = 0; round < rounds; round++) {
    const outcome = await killOneOfFour(settings)
    outcomes.push(outcome)
    console.log(`round ${round + 1}: writable again after ${(outcome.recoveredMs / 1000).toFixed(2)} s; ` +
      `${outcome.done} requests done and ${outcome.failed} failed at the others; ${outcome.lost} keys lost`)
  }
  for (const { failed, lost } of outcomes) {
    expect(failed).toBeLessThanOrEqual(3 * settings.connections)
    expect(lost).toBe(0)
  }
  const times = outcomes.map(({ recoveredMs }) => recoveredMs).sort((a, b) => a - b)
  expect(times[times.length >> 1]!).toBeLessThanOrEqual(settings.nodeTimeoutMs + 1500)
})
