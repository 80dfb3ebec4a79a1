/**
 * `npm run differential [-- --count 1000000] [-- --seed 1] [-- --types list,generic]`: the same random commands of all
 * types to a redis-server and to Slotwise. Everything that a client, a subscriber or a replica could see has to be the
 * same: the replies, the keyspace notifications, keys and their encodings and times, DEBUG DIGEST, and the commands in
 * the AOF, but for the rules in lib/differential/allowed.mjs. Work is cut into episodes, each with a seed of its own
 * that starts on empty servers; a failing one is shrunk to the few commands that show the difference.
 * Even seeds speak RESP3. Encodings change at small thresholds, or with `--thresholds default` at Redis's own.
 * With `--port N` Slotwise runs already; with `--server program` another executable takes the place of apps/server.
 */
import { parseArgs } from 'node:util'
import { sameLogged, show } from './lib/differential/compare.mjs'
import { Difference, Episode } from './lib/differential/episode.mjs'
import { familyNames, operations } from './lib/differential/operations.mjs'
import { Pair } from './lib/differential/servers.mjs'
import { shrink } from './lib/differential/shrink.mjs'

const { values: options } = parseArgs({ options: {
  count: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' }, episode: { type: 'string', default: '1000' },
  types: { type: 'string', default: familyNames.join(',') }, thresholds: { type: 'string', default: 'small' }, most: { type: 'string', default: '5' },
  only: { type: 'string' }, port: { type: 'string' }, server: { type: 'string' },
} })
const [seed, count, episodeSize, most] = [options.seed, options.count, options.episode, options.most].map(Number)
const protocol = seed % 2 === 0 ? 3 : 2

function episodeOperations(number, served, size) {
  const { next } = operations(seed * 1_000_003 + number, served, options.types.split(','))
  const list = []
  while (list.length < size) list.push(...next())
  return list
}

/** The first difference, or null. */
async function differenceOf(pair, list, swaps) {
  try {
    await new Episode(pair, swaps).run(list, protocol)
    return null
  } catch (error) {
    if (!(error instanceof Difference)) throw error
    await pair.openBlockers()
    return error
  }
}

async function report(pair, number, list, difference) {
  console.log(`\nseed ${seed}, episode ${number} (--only ${number} repeats it): ${difference.what}\n  redis     ${show(difference.redis)}\n  slotwise  ${show(difference.slotwise)}`)
  await pair.notifications()
  let last = difference
  const fails = async (shorter) => {
    const found = await differenceOf(pair, shorter, new Map())
    if (found !== null) await pair.notifications()
    last = found ?? last
    return found !== null
  }
  const short = await shrink(list.slice(0, difference.at + 1), fails)
  console.log(`  shrunk to ${short.length}:${short.length > 40 ? ' (the last 40)' : ''}`)
  for (const operation of short.slice(-40)) console.log(`    ${show(operation)}`)
  console.log(`  ${last.what}\n  redis     ${show(last.redis)}\n  slotwise  ${show(last.slotwise)}`)
}

/** A BITFIELD that grew a string and wrote nothing: in our log alone. Redis's AOF then lacks what the server has. */
const isBareGrowth = (command) =>
  command[0].toUpperCase() === 'BITFIELD' && command.some((arg) => arg.toUpperCase() === 'FAIL')

/** A command and the three behind it. */
async function withNext({ value = 'the end' }, log) {
  const commands = [value]
  while (commands.length < 4) commands.push((await log.next()).value ?? 'the end')
  return commands
}

/** In step through both logs. */
async function compareLogs([redis, slotwise], swaps) {
  const before = []
  for (let at = 0; ; ++at) {
    const wanted = await redis.next()
    let found = await slotwise.next()
    const same = () => wanted.done === found.done && (wanted.done || sameLogged(wanted.value, found.value, swaps))
    while (!found.done && !same() && isBareGrowth(found.value)) found = await slotwise.next()
    if (!same()) {
      console.log(`AOF: first difference at ${at}, after ${before.map(show).join(' ')}`)
      console.log(`  redis     ${(await withNext(wanted, redis)).map(show).join(' ')}`)
      console.log(`  slotwise  ${(await withNext(found, slotwise)).map(show).join(' ')}`)
      return -1
    }
    if (wanted.done) return at
    before.push(wanted.value)
    if (before.length > 4) before.shift()
  }
}

const pair = await Pair.start({ program: options.server, port: options.port, thresholds: options.thresholds })
let differences = 0
try {
  const served = await pair.served()
  const swaps = new Map()
  let done = 0
  const first = options.only === undefined ? 0 : Number(options.only)
  for (let number = first; done < count && differences < most; ++number) {
    const list = episodeOperations(number, served, Math.min(episodeSize, count - done))
    const difference = await differenceOf(pair, list, swaps)
    done += list.length
    if (difference !== null) {
      ++differences
      await report(pair, number, list, difference)
    }
    if (process.stdout.isTTY) process.stdout.write(`\r${done} of ${count}`)
    if (options.only !== undefined) break
  }
  await pair.stop()
  let logged = 'not compared'
  if (differences === 0 && options.port === undefined) {
    const compared = await compareLogs(pair.logs, swaps)
    if (compared < 0) ++differences
    logged = compared < 0 ? 'different' : `${compared} commands`
  }
  console.log(`\nseed ${seed}: ${done} operations on ${served.size} commands, AOF ${logged}: ${differences} differences`)
} finally {
  await pair.stop()
  await pair.remove()
}
process.exitCode = differences === 0 ? 0 : 1
