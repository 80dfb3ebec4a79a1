/**
 * A leader board: scores in a sorted set, so that rank, top and neighbours are one call each, however many players.
 *   node examples/leader-board.mjs
 */
import { open } from 'slotwise'

export class LeaderBoard {
  #store
  #key
  constructor(store, name) {
    this.#store = store
    this.#key = `board:${name}`
  }

  /** Points are added up; @returns the new score. */
  score(player, points) { return this.#store.zIncrBy(this.#key, points, player) }

  top(count) { return this.#store.zRangeWithScores(this.#key, { reverse: true, start: 0, end: count - 1 }) }

  /** The rank of a player, 1 for the first, and who is just above and below; null for a stranger. */
  around(player, distance = 1) {
    const rank = this.#store.command('ZREVRANK', this.#key, player)
    if (rank === null) return null
    const start = Math.max(0, rank - distance)
    return { rank: rank + 1, players: this.#store.zRange(this.#key, { reverse: true, start, end: rank + distance }) }
  }
}

const store = await open()
const board = new LeaderBoard(store, 'november')
for (const [player, points] of [['ada', 50], ['bob', 70], ['cleo', 20], ['dan', 40], ['ada', 30]]) board.score(player, points)
console.log('top:', board.top(2).map(([player, score]) => `${player} ${score}`).join(', '))
const { rank, players } = board.around('dan')
console.log(`dan is number ${rank}, between ${players.filter((name) => name !== 'dan').join(' and ')}`)
console.log('eve:', board.around('eve'))
await store.close()
