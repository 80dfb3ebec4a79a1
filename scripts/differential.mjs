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

/** What a log holds: commands by themselves, and transactions whole. */
async function* unitsOf(log) {
  let transaction = null
  for await (const command of log) {
    const name = command[0].toUpperCase()
    if (name === 'MULTI') transaction = []
    if (transaction === null) yield [command]
    else transaction.push(command)
    if (name !== 'EXEC') continue
    yield transaction
    transaction = null
  }
  if (transaction !== null) yield transaction
}

/** Of a unit of ours: what is left of it without the bare growths that `wanted` does not have. */
function withoutGrowth(found, wanted, isSame) {
  const isTransaction = found.length > 1
  const rest = wanted.length > 1 ? wanted.slice(1, -1) : [...wanted]
  const kept = (isTransaction ? found.slice(1, -1) : found).filter((command) => {
    if (rest.length > 0 && isSame(rest[0], command)) return rest.shift() !== undefined
    return !isBareGrowth(command)
  })
  // Redis writes no transaction of one command.
  return kept.length > 1 ? [found[0], ...kept, found.at(-1)] : kept
}

/** The words of a unit and of those behind it. */
async function withNext({ value = [['the end']] }, units) {
  const commands = [...value]
  while (commands.length < 4) commands.push(...(await units.next()).value ?? [['the end']])
  return commands.map(show).join(' ')
}

/** In step through both logs. @returns the number of commands in Redis's, or -1 */
async function compareLogs(logs, swaps) {
  const [redis, slotwise] = logs.map(unitsOf)
  const before = []
  const isSame = (wanted, found) => sameLogged(wanted, found, swaps)
  const areSame = (wanted, found) =>
    wanted.length === found.length && wanted.every((command, i) => isSame(command, found[i]))
  for (let at = 0; ;) {
    const wanted = await redis.next()
    let found = await slotwise.next()
    let left = found.value
    for (; !found.done; left = found.value) {
      if (!wanted.done && areSame(wanted.value, left)) break
      left = withoutGrowth(found.value, wanted.value ?? [], isSame)
      if (left.length > 0) break
      found = await slotwise.next()
    }
    const isEqual = wanted.done ? found.done : !found.done && areSame(wanted.value, left)
    if (!isEqual) {
      console.log(`AOF: first difference at ${at}, after ${before.map(show).join(' ')}`)
      console.log(`  redis     ${await withNext(wanted, redis)}`)
      console.log(`  slotwise  ${await withNext(found, slotwise)}`)
      return -1
    }
    if (wanted.done) return at
    at += wanted.value.length
    before.push(...wanted.value)
    before.splice(0, before.length - 4)
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
