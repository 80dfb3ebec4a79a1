/** Four services, one is killed under load. Short; `npm run test:member-kills` is the long form, with figures. */
import { expect, it } from 'vitest'
import { killOneOfFour } from './services.js'

const CONNECTIONS = 4

it('of four services that are members one is killed: the others fail what was on its way there, and nothing else', async () => {
  const { recoveredMs, done, failed, doneAtVictim, lost } = await killOneOfFour({
    nodeTimeoutMs: 2000, connections: CONNECTIONS, rate: 100, beforeMs: 1000, afterMs: 500,
  })
  expect(done).toBeGreaterThan(100)
  expect(doneAtVictim).toBeGreaterThan(0)
  // A write whose reply the dead one did not send: one a connection at most.
  expect(failed).toBeLessThanOrEqual(3 * CONNECTIONS)
  expect(lost).toBe(0)
  expect(recoveredMs).toBeLessThan(60_000)
}, 240_000)
