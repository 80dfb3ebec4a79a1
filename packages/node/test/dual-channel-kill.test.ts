/**
 * A replica lags and takes new writes by its second channel; it is killed, before the gap is closed or while the relay
 * is applied, and comes back; then the primary dies, and the replica is promoted as soon as the gap is closed, with
 * `durable` also after another kill -9. Every acknowledged write is there, in the data or applied from the relay.
 * SLOTWISE_DUAL_CHANNEL_ROUNDS says how many rounds (5 by default); a failure names round and seed.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { tempDir, waitFor, type RespClient, type ServerProcess } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { missing, randomOf, write } from './fixtures/acknowledged-writes.js'
import { impatient, number, patient, ready, startPrimary, startReplica, untilStatus } from './fixtures/dual-channel.js'

const rounds = Number(process.env.SLOTWISE_DUAL_CHANNEL_ROUNDS ?? 5)
const seed = Number(process.env.SLOTWISE_KILL_SEED ?? Date.now() % 1e9)

interface Outcome { acknowledged: number; lost: number; fromRelay: number }

async function round(index: number, random: () => number): Promise<Outcome> {
  const dir = tempDir()
  // Only what was acknowledged as durable outlives both processes: a replica acknowledges else what it has in memory.
  const durable = random() < 0.5
  const fsync = ['--appendfsync', durable ? 'always' : 'everysec']
  await using primary = await startPrimary([
    ...random() < 0.5 ? ['--appendonly', 'yes'] : [], '--repl-semi-sync-ack-on', durable ? 'durable' : 'received',
  ])
  let replica: ServerProcess = await startReplica(primary, fsync, dir.path)
  let follower: RespClient = await replica.client({ timeoutMs: 60_000 })
  await using client = await primary.client({ timeoutMs: 60_000 })
  const comeBack = async (): Promise<void> => {
    await replica.sigkill()
    await follower.close()
    replica = await startReplica(primary, fsync, dir.path)
    follower = await replica.client({ timeoutMs: 60_000 })
  }
  try {
    await ready(follower)
    await impatient(client)
    await follower.command('DEBUG', 'PAUSE-REPLICA-APPLY', 60_000)
    const clients = await Promise.all([1, 2, 3].map(() => primary.client({ timeoutMs: 120_000 })))
    const writers = Promise.all(clients.map((one, at) => write(one, `${index}:${at}`, [1, 10, 64][at]!)))
    await waitFor(async () => await number(client, 'semi_sync_master_no_times') >= 1, { timeoutMs: 60_000, what: 'the fall-back' })
    await untilStatus(client, 'ON')
    await patient(client)
    await untilStatus(client, 'ON') // it may have fallen back once more; from here on everything is promised
    const start = await waitFor(() => number(follower, 'semi_sync_relay_first_offset'), { what: 'the relay' })
    await sleep(random() * 300)
    const what = random()
    if (what < 0.3) await comeBack()
    else await follower.command('DEBUG', 'PAUSE-REPLICA-APPLY', 0)
    if (what > 0.6) {
      await sleep(random() * 30)
      await comeBack()
    }
    // With `always` what is applied is in no file before it is fsynced.
    const applied = durable ? 'master_fsynced_offset' : 'slave_repl_offset'
    await waitFor(async () => await number(follower, applied) >= start - 1,
      { timeoutMs: 60_000, intervalMs: 1, what: 'the gap to be closed' })
    await sleep(random() * 20)
    await primary.sigkill()
    if (durable && random() < 0.7) await comeBack()
    const written = await writers
    expect(await follower.command('REPLICAOF', 'NO', 'ONE')).toBe('OK')
    const outcome: Outcome = { acknowledged: 0, lost: 0, fromRelay: replica.output.includes('Applying what a relay') ? 1 : 0 }
    for (const one of written) {
      outcome.acknowledged += one.acknowledged
      outcome.lost += await missing(follower, one)
    }
    if (outcome.lost > 0) console.log(replica.output)
    await Promise.all(clients.map((one) => one.close()))
    return outcome
  } finally {
    await follower.close()
    await replica.sigkill()
    await dir.remove()
  }
}

it(`a lagging replica with a relay loses nothing that was acknowledged, ${rounds} times (seed ${seed})`, async () => {
  const random = randomOf(seed)
  const total: Outcome = { acknowledged: 0, lost: 0, fromRelay: 0 }
  for (let index = 0; index < rounds; index++) {
    const outcome = await round(index, random)
    expect(outcome.lost, `acknowledged writes lost in round ${index} of seed ${seed}`).toBe(0)
    total.acknowledged += outcome.acknowledged
    total.fromRelay += outcome.fromRelay
  }
  expect(total.acknowledged).toBeGreaterThan(rounds * 20)
  console.log(`dual channel: ${rounds} rounds, ${total.acknowledged} acknowledged writes, none lost; ${total.fromRelay} promoted with a relay applied from disk`)
}, 60_000 + rounds * 90_000)
