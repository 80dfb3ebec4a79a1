/** Whom a primary that goes asks to take over, and how often: over a node and replicas that answer from a script. */
import { type EngineCommand, replyError } from '@slotwise/engine'
import { type Backend, ConnectionError } from 'slotwise'
import { describe, expect, it } from 'vitest'
import { giveRole } from './departure.js'

type Answer = 'taken' | 'nothing' | 'refused' | 'link down' | 'gone'

const id = (port: number): string => String(port).padStart(40, '0')

/** Port 1 is the primary that goes; each replica answers each offer in turn, the last answer for ever. */
class Shard {
  /** The ports that were sent CLUSTER FAILOVER. */
  readonly asked: number[] = []
  #primary = 1
  readonly #suspected: number

  constructor(private readonly replicas: Record<number, Answer[]>, { suspected = 0 } = {}) {
    this.#suspected = suspected
  }

  give(timeoutMs = 60_000): Promise<boolean> {
    const self = { run: () => Promise.resolve(this.#nodes()) } as unknown as Backend
    const connect = (_: string, port: number): Promise<Backend> => this.#connect(port)
    return giveRole({ self, connect, log: () => undefined, failoverMs: 60 }, timeoutMs)
  }

  #nodes(): string {
    return [1, ...Object.keys(this.replicas).map(Number)].map((port) => {
      const isPrimary = port === this.#primary
      const flags = [...port === 1 ? ['myself'] : [], isPrimary ? 'master' : 'slave', ...port === this.#suspected ? ['fail?'] : []]
      return `${id(port)} 10.0.0.1:${port}@${port + 1000} ${flags.join()} ${isPrimary ? '-' : id(this.#primary)} 0 0 1 connected${isPrimary ? ' 0-16383' : ''}`
    }).join('\n')
  }

  #connect(port: number): Promise<Backend> {
    const answers = this.replicas[port]!
    const answer = answers.length > 1 ? answers.shift()! : answers[0]!
    if (answer === 'gone') return Promise.reject(new ConnectionError('refused', { mayHaveRun: false }))
    const run = ({ args }: EngineCommand): Promise<string> => {
      if (args[0] === 'INFO') return Promise.resolve(`role:slave\r\nmaster_link_status:${answer === 'link down' ? 'down' : 'up'}\r\n`)
      if (args[0] !== 'CLUSTER') return Promise.resolve('PONG')
      this.asked.push(port)
      if (answer === 'refused') return Promise.reject(replyError('ERR Master is down or failed, please use CLUSTER FAILOVER FORCE'))
      if (answer === 'taken') this.#primary = port
      return Promise.resolve('OK')
    }
    return Promise.resolve({ run, close: () => Promise.resolve() } as unknown as Backend)
  }
}

describe('a primary that goes', () => {
  it('asks again when a fail-over has come to nothing', async () => {
    const shard = new Shard({ 2: ['nothing', 'nothing', 'taken'] })
    expect(await shard.give()).toBe(true)
    expect(shard.asked).toEqual([2, 2, 2])
  })

  it('asks again when it was refused', async () => {
    const shard = new Shard({ 2: ['refused', 'refused', 'taken'] })
    expect(await shard.give()).toBe(true)
    expect(shard.asked).toEqual([2, 2, 2])
  })

  it('stops no writes for a replica that has not got the data yet', async () => {
    const shard = new Shard({ 2: ['link down', 'link down', 'taken'] })
    expect(await shard.give()).toBe(true)
    expect(shard.asked).toEqual([2])
  })

  it('asks one after the other, suspected ones last', async () => {
    const shard = new Shard({ 2: ['nothing'], 3: ['gone'], 4: ['taken'] }, { suspected: 2 })
    expect(await shard.give()).toBe(true)
    expect(shard.asked).toEqual([4])
    const slow = new Shard({ 2: ['nothing', 'taken'], 3: ['gone'] }, { suspected: 2 })
    expect(await slow.give()).toBe(true)
    expect(slow.asked).toEqual([2, 2])
  })

  it('does not wait for replicas that have gone', async () => {
    const startMs = performance.now()
    expect(await new Shard({ 2: ['gone'], 3: ['gone'] }).give()).toBe(false)
    expect(await new Shard({}).give()).toBe(false)
    expect(performance.now() - startMs).toBeLessThan(30_000) // of the minute that it was given
  })

  it('stays what it is when its time is up', async () => {
    expect(await new Shard({ 2: ['nothing'], 3: ['link down'], 4: ['refused'] }).give(200)).toBe(false)
  })
})
