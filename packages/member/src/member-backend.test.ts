/** Where commands go, and how often: over an engine and nodes that answer from a script. */
import { type EngineCommand, replyError } from '@slotwise/engine'
import { type Backend, ConnectionError, type ServerBackend } from 'slotwise'
import { describe, expect, it } from 'vitest'
import type { Connections } from './connections.js'
import { MemberBackend } from './member-backend.js'

type Answer = string | Error

/** Answers in turn, the last one for ever, and says what it was asked. */
class Scripted {
  readonly asked: string[] = []
  constructor(private readonly answers: Answer[]) {}
  async run({ args }: EngineCommand): Promise<unknown> {
    this.asked.push(args.join(' '))
    const answer = this.answers.length > 1 ? this.answers.shift()! : this.answers[0]!
    if (answer instanceof Error) throw answer
    return Promise.resolve(answer)
  }

  close(): Promise<void> { return Promise.resolve() }

  runAsking(command: EngineCommand): Promise<unknown> {
    this.asked.push('ASKING')
    return this.run(command)
  }

  runAll(commands: readonly EngineCommand[]): Promise<unknown[]> {
    return Promise.all(commands.map((command) => this.run(command).catch((error: unknown) => error)))
  }
}

const moved = (node: string): Error => replyError(`MOVED 1 ${node}`)
const lost = (): Error => new ConnectionError('closed')
const unsent = (): Error => new ConnectionError('refused', { mayHaveRun: false })

function memberOf(
  local: Answer[], nodes: Record<string, Answer[]> = {}, commandTimeoutMs = 2000,
): { backend: MemberBackend; here: Scripted; at: Record<string, Scripted> } {
  const here = new Scripted(local)
  const at = Object.fromEntries(Object.entries(nodes).map(([name, answers]) => [name, new Scripted(answers)]))
  const connections = {
    at: (address: string): Promise<ServerBackend> => {
      const node = at[address]
      return node === undefined ? Promise.reject(unsent()) : Promise.resolve(node as unknown as ServerBackend)
    },
    close: () => Promise.resolve(),
  } as unknown as Connections
  const backend = new MemberBackend({
    local: here as unknown as Backend, connections, primaries: () => Promise.resolve([null, ...Object.keys(at)]),
    commandTimeoutMs, end: () => Promise.resolve(),
  })
  return { backend, here, at }
}

const get = { args: ['GET', 'k'] }
const set = { args: ['SET', 'k', 'v'] }

describe('a command of a member', () => {
  it('that the engine answers goes nowhere else', async () => {
    const { backend, at } = memberOf(['v'], { 'b:1': ['w'] })
    expect(await backend.run(get)).toBe('v')
    expect(at['b:1']!.asked).toEqual([])
  })

  it('goes where the engine says, and on where that node says', async () => {
    const { backend, here, at } = memberOf([moved('b:1')], { 'b:1': [moved('c:1')], 'c:1': ['OK'] })
    expect(await backend.run(set)).toBe('OK')
    expect([here.asked.length, at['b:1']!.asked.length, at['c:1']!.asked.length]).toEqual([1, 1, 1])
  })

  it('is sent with ASKING to a node to which its slot is on its way', async () => {
    const { backend, at } = memberOf([replyError('ASK 1 b:1')], { 'b:1': ['v'] })
    expect(await backend.run(get)).toBe('v')
    expect(at['b:1']!.asked).toEqual(['ASKING', 'GET k'])
  })

  it('waits while nobody can answer, and asks its own engine again', async () => {
    const { backend, here, at } = memberOf(
      [replyError('TRYAGAIN The slot is being handed over'), replyError('CLUSTERDOWN The cluster is down'), moved('dead:1'), moved('b:1')],
      { 'b:1': ['OK'] },
    )
    expect(await backend.run(set)).toBe('OK')
    expect([here.asked.length, at['b:1']!.asked.length]).toEqual([4, 1])
  })

  it('comes back when the slot has come here meanwhile', async () => {
    const { backend, here } = memberOf([moved('dead:1'), 'mine'])
    expect(await backend.run(get)).toBe('mine')
    expect(here.asked.length).toBe(2)
  })

  it('rejects with what was said last when its time is up', async () => {
    const { backend, here } = memberOf([replyError('CLUSTERDOWN The cluster is down')], {}, 1000)
    const startMs = performance.now()
    await expect(backend.run(set)).rejects.toThrow(expect.objectContaining({ code: 'CLUSTERDOWN' }))
    expect(performance.now() - startMs).toBeGreaterThan(990) // timers are a moment early
    expect(here.asked.length).toBeGreaterThan(2)
    const away = memberOf([moved('dead:1')], {}, 30)
    await expect(away.backend.run(get)).rejects.toThrow(ConnectionError)
  })

  it('is not led round in circles for ever', async () => {
    const { backend, at } = memberOf([moved('b:1')], { 'b:1': [moved('c:1')], 'c:1': [moved('b:1')] }, 60)
    await expect(backend.run(set)).rejects.toThrow(expect.objectContaining({ code: 'MOVED' }))
    expect(at['b:1']!.asked.length).toBeLessThan(200)
  })

  it('that reads is repeated when its connection broke; one that writes is not', async () => {
    const reading = memberOf([moved('b:1'), 'v'], { 'b:1': [lost()] })
    expect(await reading.backend.run(get)).toBe('v')
    const writing = memberOf([moved('b:1'), 'OK'], { 'b:1': [lost()] })
    await expect(writing.backend.run(set)).rejects.toThrow(expect.objectContaining({ code: 'CONNECTION', mayHaveRun: true }))
    expect([writing.here.asked.length, writing.at['b:1']!.asked.length]).toEqual([1, 1])
    const notSent = memberOf([moved('b:1'), 'OK'], { 'b:1': [unsent()] })
    expect(await notSent.backend.run(set)).toBe('OK')
  })

  it('that is refused for what it is goes nowhere else', async () => {
    const { backend, here } = memberOf([replyError('WRONGTYPE Operation against a key')], { 'b:1': ['OK'] })
    await expect(backend.run(set)).rejects.toThrow(expect.objectContaining({ code: 'WRONGTYPE' }))
    expect(here.asked.length).toBe(1)
  })

  it('is refused when the member is closed, also one that waits', async () => {
    const { backend } = memberOf([replyError('CLUSTERDOWN The cluster is down')], {}, 60_000)
    const waiting = backend.run(set)
    await backend.close()
    await expect(waiting).rejects.toThrow(expect.objectContaining({ code: 'CLOSED' }))
    await expect(backend.run(get)).rejects.toThrow(expect.objectContaining({ code: 'CLOSED' }))
  })
})

describe('many commands of a member', () => {
  it('are one call here and one for each node that has some, in their order', async () => {
    const { backend, at } = memberOf(
      ['here', moved('b:1'), replyError('WRONGTYPE x'), moved('b:1'), moved('c:1')], { 'b:1': ['b1', 'b2'], 'c:1': ['c1'] },
    )
    const replies = await backend.runAll(['1', '2', '3', '4', '5'].map((key) => ({ args: ['GET', key] })))
    expect(replies).toEqual(['here', 'b1', expect.objectContaining({ code: 'WRONGTYPE' }), 'b2', 'c1'])
    expect(at['b:1']!.asked).toEqual(['GET 2', 'GET 4'])
  })

  it('follow one by one where that was not the end', async () => {
    const { backend } = memberOf(
      [moved('dead:1'), moved('b:1'), replyError('TRYAGAIN x'), 'first', 'third'], { 'b:1': [lost()] },
    )
    const replies = await backend.runAll([{ args: ['GET', '1'] }, { args: ['SET', '2', 'v'] }, { args: ['GET', '3'] }])
    expect(replies).toEqual(['first', expect.objectContaining({ code: 'CONNECTION' }), 'third'])
  })
})
