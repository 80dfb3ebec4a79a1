/**
 * An episode: operations on two empty servers, in step, until something differs. Compared are replies, notifications
 * and, at the end, keys with their encodings and times and DEBUG DIGEST. Random choices are evened out at once, so that
 * what follows meets the same data.
 */
import { sameReply, sameValue } from './compare.mjs'
import { allKeys } from './random.mjs'
import { decodeFrame } from '../resp-frames.mjs'

const batchSize = 100
const waitMs = 10_000

/** Thrown at the first difference. */
export class Difference extends Error {
  constructor(what, at, redis, slotwise) {
    super(what)
    Object.assign(this, { what, at, redis, slotwise })
  }
}

const looseBegin = '__key__:loose'
const looseEnd = '__key__:strict'

/** Sorts what was published within loose parts. */
function sortLoose(frames) {
  const result = []
  for (let at = 0; at < frames.length;) {
    if (!frames[at].includes(looseBegin)) {
      result.push(frames[at++])
      continue
    }
    const end = frames.findIndex((frame, i) => i > at && frame.includes(looseEnd))
    result.push(...frames.slice(at + 1, end).sort(Buffer.compare))
    at = end + 1
  }
  return result
}

const flat = (value) => (Array.isArray(value) ? value.flat(Infinity) : [value])
const membersOf = { HRANDFIELD: (key) => ['HGETALL', key], SRANDMEMBER: (key) => ['SMEMBERS', key], ZRANDMEMBER: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'], RANDOMKEY: () => ['KEYS', '*'] }

export class Episode {
  #pair
  #batch = []
  #queued = null // the commands of a transaction that is open on both
  #at = 0
  /** What random choices made the logs differ: see sameLogged. */
  swaps

  /** @param pair  { main, blocker, subscriber }, each with send(commands) for both servers */
  constructor(pair, swaps) {
    this.#pair = pair
    this.swaps = swaps
  }

  /** @throws {Difference} */
  async run(operations, protocol) {
    const { main, blocker } = this.#pair
    const fresh = [['RESET'], ['HELLO', String(protocol)], ['FLUSHALL']]
    await main(fresh)
    await blocker([['RESET'], ['HELLO', String(protocol)]])
    for (this.#at = 0; this.#at < operations.length; ++this.#at) await this.#step(operations[this.#at])
    await this.#flush()
    await this.#end()
  }

  async #step(operation) {
    if (Array.isArray(operation)) return this.#add(operation)
    if (operation.loose !== undefined) return this.#loose(() => this.#add(operation.loose, operation.mode))
    await this.#flush()
    if (operation.scan !== undefined) return this.#loose(() => this.#scan(operation))
    if (operation.blocked !== undefined) return this.#wait(operation)
    if (operation.random === 'key') return this.#loose(() => this.#randomKey(operation))
    return operation.random === 'pop' ? this.#pop(operation.command) : this.#choose(operation)
  }

  /** What is visited in the order of a hash table may also be found expired or missing in any order. */
  async #loose(run) {
    await this.#flush()
    await this.#pair.main([['PUBLISH', looseBegin, '']])
    // Redis's SORT takes an ERANGE that an earlier command left in errno for its own; reading a cursor clears it.
    await this.#add(['SSCAN', 'none', '0'])
    await run()
    await this.#flush()
    await this.#pair.main([['PUBLISH', looseEnd, '']])
  }

  /** RANDOMKEY deletes those expired keys that it happens to meet; a scan before it deletes all of them. */
  async #randomKey(operation) {
    await this.#pair.main([['SCAN', '0', 'COUNT', '1000000']])
    await this.#choose(operation)
  }

  async #add(command, mode) {
    this.#batch.push({ command, mode, at: this.#at })
    if (this.#batch.length >= batchSize) await this.#flush()
  }

  async #flush() {
    const batch = this.#batch
    if (batch.length === 0) return
    this.#batch = []
    const [redis, slotwise] = await this.#pair.main(batch.map(({ command }) => command))
    batch.forEach((item, i) => this.#judge(item, redis[i], slotwise[i]))
  }

  #judge({ command, mode, at }, redis, slotwise) {
    const name = command[0].toUpperCase()
    const queued = this.#queued
    if (redis.equals(slotwise)) {
      if (redis.toString('latin1', 0, 7) === '+QUEUED') (this.#queued ??= []).push({ command, mode })
      else if (['EXEC', 'DISCARD', 'RESET'].includes(name)) this.#queued = null
      return
    }
    if (name === 'EXEC' && queued !== null) {
      this.#queued = null
      const [a, b] = [decodeFrame(redis), decodeFrame(slotwise)]
      if (Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.length === queued.length) {
        const i = a.findIndex((value, index) => !sameValue(queued[index].command, value, b[index], queued[index].mode))
        if (i < 0) return
        throw new Difference(`in a transaction: ${JSON.stringify(queued[i].command)}`, at, a[i], b[i])
      }
    }
    if (!sameReply(command, redis, slotwise, mode)) throw new Difference(JSON.stringify(command), at, redis, slotwise)
  }

  /** Commands whose replies are compared and given back as values. */
  async #both(commands, mode) {
    const [redis, slotwise] = await this.#pair.main(commands)
    commands.forEach((command, i) => this.#judge({ command, mode, at: this.#at }, redis[i], slotwise[i]))
    return [redis.map((frame) => decodeFrame(frame)), slotwise.map((frame) => decodeFrame(frame))]
  }

  /** A random choice among what is there. */
  async #choose({ command, random }) {
    const members = membersOf[command[0]](command[1])
    const [redis, slotwise] = await this.#pair.main([command, members])
    this.#judge({ command, mode: random, at: this.#at }, redis[0], slotwise[0])
    this.#judge({ command: members, mode: 'unordered', at: this.#at }, redis[1], slotwise[1])
    const [chosen, all] = [decodeFrame(slotwise[0]), new Set(flat(decodeFrame(slotwise[1])))]
    if (chosen === null || (typeof chosen === 'string' && chosen[0] === '-')) return
    const stranger = flat(chosen).find((value) => !all.has(value))
    if (stranger !== undefined) throw new Difference(`${JSON.stringify(command)}: not in the collection`, this.#at, redis[0], stranger)
    const distinct = Array.isArray(chosen) && Number(command[2]) > 0 && command.length === 3
    if (distinct && new Set(chosen).size !== chosen.length) throw new Difference(`${JSON.stringify(command)}: not distinct`, this.#at, redis[0], chosen)
  }

  /** SPOP: as many on both, of what was there; then each gets back what it alone has lost. */
  async #pop(command) {
    const key = command[1]
    const frames = await this.#pair.main([command, ['SMEMBERS', key]])
    const [[a, restA], [b, restB]] = frames.map((replies) => replies.map((frame) => decodeFrame(frame)))
    const popped = [a, b].map((reply) => (reply === null ? [] : flat(reply)))
    const members = popped.map((values) => values.map((value) => value.slice(1)))
    const [taken, slotwiseTook] = members.map((values) => new Set(values))
    this.swaps.set(key, [...this.swaps.get(key) ?? [], { redis: taken, slotwise: slotwiseTook }])
    if (sameValue(['SMEMBERS'], a, b)) {
      this.#judge({ command: ['SMEMBERS', key], at: this.#at }, frames[0][1], frames[1][1])
      return
    }
    const whole = [[...popped[0], ...flat(restA)], [...popped[1], ...flat(restB)]].map((values) => values.sort())
    const same = popped[0].length === popped[1].length && JSON.stringify(whole[0]) === JSON.stringify(whole[1])
    const distinct = new Set(whole[1]).size === whole[1].length
    if (!same || !distinct || popped.some((values) => values.some((value) => value[0] === '-'))) throw new Difference(JSON.stringify(command), this.#at, a, b)
    await this.#pair.mainEach(members.map((values) => [['SADD', key, ...values]]))
    await this.#both([['SMEMBERS', key], ['OBJECT', 'ENCODING', key]])
  }

  /** Every server follows its own cursors; nothing changes meanwhile, so both must find the same. */
  async #scan({ scan, options }) {
    const found = await this.#pair.eachMain(async (send) => {
      const seen = new Set()
      const command = [...scan, ...options]
      for (let rounds = 0; rounds < 5000; ++rounds) {
        const [frame] = await send([command])
        const reply = decodeFrame(frame)
        if (!Array.isArray(reply)) return reply
        const [cursor, items] = reply
        const step = ['HSCAN', 'ZSCAN'].includes(scan[0]) ? 2 : 1
        for (let i = 0; i < items.length; i += step) seen.add(items.slice(i, i + step).join('\0'))
        if (cursor === '$0') return [...seen].sort()
        command[scan.length - 1] = cursor.slice(1)
      }
      return 'endless'
    })
    if (JSON.stringify(found[0]) === JSON.stringify(found[1])) return
    throw new Difference(JSON.stringify([...scan, ...options]), this.#at, ...found)
  }

  /** A client waits (or is served at once), others work, and in the end it is let go. */
  async #wait({ blocked, before, meanwhile }) {
    const { blockers, mainEach } = this.#pair
    if (before.length > 0) await this.#both(before)
    for (const { connection } of blockers) connection.write([blocked])
    const served = await this.#pair.eachMain(async (send, index) => {
      for (const endMs = performance.now() + waitMs; performance.now() < endMs;) {
        if (blockers[index].connection.hasReply) return true
        const [frame] = await send([['INFO', 'clients']])
        if (blockers[index].connection.hasReply) return true
        if (frame.includes('blocked_clients:1')) return false
      }
      return 'neither waits nor is answered'
    })
    if (served[0] !== served[1]) throw new Difference(`served at once? ${JSON.stringify(blocked)}`, this.#at, `${served[0]}`, `${served[1]}`)
    for (const command of meanwhile) await this.#add(command)
    await this.#flush()
    if (served[0] === false) {
      const [redis, slotwise] = await mainEach(blockers.map(({ id }) => [['CLIENT', 'UNBLOCK', id]]))
      this.#judge({ command: ['CLIENT', 'UNBLOCK'], at: this.#at }, redis[0], slotwise[0])
    }
    const [[redis], [slotwise]] = await Promise.all(blockers.map(({ connection }) => connection.take(1)))
    this.#judge({ command: blocked, at: this.#at }, redis, slotwise)
  }

  async #end() {
    this.#at = Infinity
    await this.#both([['DISCARD'], ['UNWATCH'], ['SELECT', '0']])
    const [types] = await this.#both(allKeys.map((key) => ['TYPE', key]))
    const present = allKeys.filter((_, i) => types[i] !== '+none')
    const [encodings] = await this.#both(present.map((key) => ['OBJECT', 'ENCODING', key]))
    await this.#both(present.map((key) => ['PEXPIRETIME', key]))
    // Of packed encodings the order is promised too.
    const exact = present.flatMap((key, i) => ({ $listpack: types[allKeys.indexOf(key)] === '+hash' ? [['HGETALL', key]] : [], $intset: [['SMEMBERS', key]] }[encodings[i]] ?? []))
    const [redis, slotwise] = await this.#pair.main(exact)
    exact.forEach((command, i) => {
      if (!redis[i].equals(slotwise[i])) throw new Difference(`order: ${JSON.stringify(command)}`, Infinity, redis[i], slotwise[i])
    })
    const [[a], [b]] = await this.#pair.main([['DEBUG', 'DIGEST']])
    if (!a.equals(b)) {
      await this.#both(present.map((key) => ['DEBUG', 'DIGEST-VALUE', key]))
      throw new Difference('DEBUG DIGEST', Infinity, a, b)
    }
    const [wanted, published] = (await this.#pair.notifications()).map(sortLoose)
    const i = wanted.findIndex((frame, index) => published[index] === undefined || !frame.equals(published[index]))
    if (i >= 0 || wanted.length !== published.length) {
      const place = i < 0 ? wanted.length : i
      throw new Difference(`notification ${place} of ${wanted.length} and ${published.length}`, Infinity, wanted[place] ?? 'none', published[place] ?? 'none')
    }
  }
}
