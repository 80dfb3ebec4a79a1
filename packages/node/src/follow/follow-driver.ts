/**
 * FollowDriver: the servers that this node follows: begins with those that it remembers, and does what clients ask.
 * What it remembers is in the store itself, under `__binlog:followers` and one key each: so it goes with every backup,
 * and vanishes with the data that it is about. A client's FLUSHALL takes it, too, and a second later it is there again.
 * Runs on the control thread. Elsewhere: following (@slotwise/binlog, src/log), words (follow-requests.ts).
 */
import {
  checkpointKey, commandOf, COPYING, copySource, FollowLog, type FollowerView, type LogCommand, type LogTarget,
} from '@slotwise/binlog/log'
import { type ControlPort, type ControlRequest, type Engine, globMatcher, type LogLevel } from '@slotwise/engine'
import { PAIR } from '@slotwise/binlog/pair'
import { encodeReply, type RespValue } from '../cluster/resp-writer.js'
import { engineCopyTarget, openEngineSnapshot } from './engine-copy.js'
import { engineTarget } from './engine-target.js'
import { PairDriver, whyNoPair } from './pair-driver.js'
import {
  type FollowDefinition, followerHelp, parseDefinition, parseFollowRequest, printDefinition,
} from './follow-requests.js'

interface Followed { definition: FollowDefinition; readonly log: FollowLog; readonly pair: PairDriver | null }

/** It is for this driver, and not about the cluster. */
export const isFollowRequest = ({ args: [name] }: ControlRequest): boolean => /^(follow|follower|stop)$/i.test(Buffer.from(name ?? []).toString())

const FOLLOWERS = '__binlog:followers'
const LOOK_EVERY_MS = 1000

export class FollowDriver {
  readonly #engine: Engine
  readonly #control: ControlPort
  readonly #target: LogTarget
  readonly #onLog: (level: LogLevel, text: string) => void
  readonly #followed = new Map<string, Followed>()
  #timer: NodeJS.Timeout | undefined
  /** The follower of the other side of a pair, if this node is one. */
  #pair: { readonly name: string; readonly driver: PairDriver } | null = null

  constructor(engine: Engine, control: ControlPort, onLog: (level: LogLevel, text: string) => void) {
    this.#engine = engine
    this.#control = control
    this.#target = engineTarget(engine)
    this.#onLog = onLog
  }

  /** Goes on with what the store remembers. */
  start(): void {
    // Nothing is asked of a store that has nothing: it would be in its statistics.
    if (this.#engine.stats().keys === 0) return
    let known: Map<string, string>
    try {
      known = this.#engine.command(['HGETALL', FOLLOWERS]) as Map<string, string>
    } catch (error) {
      // Of another type, or its slot is served elsewhere.
      return this.#onLog('debug', `No followers are known: ${(error as Error).message}`)
    }
    for (const [name, text] of known) {
      const definition = parseDefinition(name, text)
      if (definition === null) {
        this.#onLog('warn', `${FOLLOWERS} has no definition of a follower for '${name}'`)
        continue
      }
      try {
        this.#add(definition)
      } catch (error) {
        this.#onLog('error', `Follower ${name} does not begin: ${(error as Error).message}`)
      }
    }
  }

  stop(): void {
    clearInterval(this.#timer)
    for (const { log } of this.#followed.values()) log.stop()
    this.#pair?.driver.stop()
    this.#followed.clear()
  }

  request({ id, protocol, args }: ControlRequest): void {
    const words = args.map((word) => Buffer.from(word).toString())
    let reply: RespValue
    try {
      reply = this.#answer(words)
    } catch (error) {
      reply = { error: `ERR ${(error as Error).message}` }
    }
    this.#control.answer(id, encodeReply(reply, protocol))
  }

  #answer(words: readonly string[]): RespValue {
    const request = parseFollowRequest(words)
    switch (request.type) {
      case 'error': return { error: request.message }
      case 'help': return followerHelp.map((line) => ({ status: line }))
      case 'follow': return this.#follow(request.definition)
      case 'status': return this.#chosen(request.name).map(statusOf)
      case 'start':
      case 'stop': {
        for (const followed of this.#chosen(request.name)) this.#turn(followed, request.type === 'start')
        return { status: 'OK' }
      }
      case 'forget': {
        const followed = this.#followed.get(request.name)
        followed?.log.stop()
        this.#followed.delete(request.name)
        this.#endPair(request.name)
        this.#run([['HDEL', FOLLOWERS, request.name], ['DEL', checkpointKey(request.name)]])
        return followed === undefined ? 0 : 1
      }
    }
  }

  #follow(definition: FollowDefinition): RespValue {
    const { name } = definition
    if (name === COPYING || name === PAIR) return { error: `ERR '${name}' is no name of a follower` }
    const before = this.#followed.get(name)
    if (before !== undefined && before.log.view().state !== 'stopped' && before.log.view().state !== 'failed') {
      return { error: `ERR '${name}' is followed already: STOP FOLLOWER ${name} first` }
    }
    if (definition.isPair) {
      const why = this.#pair !== null && this.#pair.name !== name ? `this server is one of a pair already, with '${this.#pair.name}'` : whyNoPair(this.#engine, this.#target)
      if (why !== null) return { error: `ERR ${why}` }
    } else {
      this.#endPair(name)
    }
    // A new position, whatever was before.
    this.#run([['DEL', checkpointKey(name)], ['HSET', FOLLOWERS, name, printDefinition(definition)]])
    this.#followed.delete(name)
    this.#add(definition)
    return { status: 'OK' }
  }

  #chosen(name: string | null): Followed[] {
    if (name === null) return [...this.#followed.values()]
    const followed = this.#followed.get(name)
    if (followed === undefined) throw new Error(`'${name}' is not followed`)
    return [followed]
  }

  #turn(followed: Followed, running: boolean): void {
    followed.definition = { ...followed.definition, running }
    this.#run([['HSET', FOLLOWERS, followed.definition.name, printDefinition(followed.definition)]])
    if (running) followed.log.start()
    else followed.log.stop()
  }

  #add(definition: FollowDefinition): void {
    const { name, host, port, from, keys } = definition
    const matchers = keys.map(globMatcher)
    const wanted = keys.length === 0 ? {} : { keys: (key: Uint8Array) => matchers.some((matches) => matches(key)) }
    const pair = definition.isPair ? this.#pairOf(name) : null
    const log = new FollowLog({
      name, from, into: pair?.side ?? this.#target, kept: () => this.#kept(),
      ...(pair === null ? {} : { mode: pair.mode }),
      source: () => ({ host, port, user: this.#directive('masteruser'), password: this.#directive('masterauth') }),
      onState: (view) => this.#tell(name, view),
      ...wanted,
      copy: (source, sourceId, signal) => {
        const target = engineCopyTarget(this.#engine, this.#target)
        const openSnapshot = (dir: string) => openEngineSnapshot(dir, target.databases)
        return copySource({ source, sourceId, name, into: target, openSnapshot, signal, ...wanted })
      },
    })
    const followed = { definition, log, pair }
    this.#followed.set(name, followed)
    this.#timer ??= setInterval(() => this.#heal(), LOOK_EVERY_MS)
    if (pair === null || pair.side.ready) this.#startIfRunning(followed)
    else void this.#beginPair(followed, pair)
  }

  #startIfRunning({ definition, log }: Followed): void {
    if (definition.running && this.#followed.get(definition.name)?.log === log) log.start()
  }

  /** @throws {TypeError} without an append-only file */
  #pairOf(name: string): PairDriver {
    if (this.#pair === null) {
      const driver = new PairDriver({
        engine: this.#engine, target: this.#target, kept: () => this.#kept(), onLog: this.#onLog,
      })
      this.#pair = { name, driver }
    }
    return this.#pair.driver
  }

  async #beginPair(followed: Followed, pair: PairDriver): Promise<void> {
    try {
      await pair.begin()
      this.#startIfRunning(followed)
    } catch (error) {
      this.#onLog('error', `Follower ${followed.definition.name} does not begin: ${(error as Error).message}`)
    }
  }

  #endPair(name: string): void {
    if (this.#pair?.name !== name) return
    this.#pair.driver.stop()
    this.#pair.driver.side.forget()
    this.#pair = null
  }

  #directive(name: string): string {
    const found = this.#engine.command(['CONFIG', 'GET', name]) as Map<string, string>
    return found.get(name) ?? ''
  }

  #run(commands: readonly (readonly string[])[]): void {
    const errors = this.#target.apply(commands.map(commandOf))
    if (errors.length > 0) throw new Error(errors[0])
  }

  /** All that the store has to remember. */
  #kept(): LogCommand[] {
    const commands: LogCommand[] = []
    for (const [name, { definition, log }] of this.#followed) {
      commands.push(commandOf(['HSET', FOLLOWERS, name, printDefinition(definition)]))
      const checkpoint = log.checkpointCommand()
      if (checkpoint !== null) commands.push(checkpoint)
    }
    const state = this.#pair?.driver.side.stateCommand() ?? null
    if (state !== null) commands.push(state)
    return commands
  }

  /** A client has flushed the database: what was in memory is what counts. */
  #heal(): void {
    if (this.#followed.size === 0) return
    try {
      if (this.#engine.command(['EXISTS', FOLLOWERS]) === 0) this.#target.apply(this.#kept())
    } catch (error) {
      this.#onLog('debug', `What is followed cannot be written down: ${(error as Error).message}`)
    }
  }

  #tell(name: string, { state, position, lastError }: FollowerView): void {
    switch (state) {
      case 'failed': return this.#onLog('error', `Follower ${name} has stopped at ${position}: ${lastError}`)
      case 'waiting': return this.#onLog('warn', `Follower ${name} lost its source at ${position} and tries again: ${lastError}`)
      case 'stopped': return this.#onLog('info', `Follower ${name} was stopped at ${position}`)
      case 'copying': return this.#onLog('info', `Follower ${name} copies its source`)
      case 'connecting':
      case 'reading':
      case 'applying': return this.#onLog('info', `Follower ${name} reads from ${position}`)
    }
  }
}

function statusOf({ definition, log, pair }: Followed): RespValue {
  const view = log.view()
  const { name, host, port, keys } = definition
  const colon = view.position.lastIndexOf(':')
  const io = { stopped: 'no', failed: 'no', connecting: 'connecting', waiting: 'connecting', copying: 'yes', reading: 'yes', applying: 'yes' }[view.state]
  return new Map<string, RespValue>([
    ['name', name], ['source-host', host], ['source-port', port], ['source-id', view.source],
    ['io-running', io], ['apply-running', view.state === 'failed' || view.state === 'stopped' ? 'no' : 'yes'], ['state', view.state],
    ['file', colon < 0 ? '' : view.position.slice(0, colon)], ['position', colon < 0 ? view.position : Number(view.position.slice(colon + 1))],
    ['origin', view.stream], ['source-end', view.sourceEnd], ['bytes-behind', view.behindBytes], ['seconds-behind', view.behindSeconds === null ? null : Math.round(view.behindSeconds)],
    ['transactions', view.transactions], ['commands', view.commands], ['own-transactions', view.ownTransactions],
    ['filtered-commands', view.filteredCommands], ['refused-commands', view.refusedCommands], ['connects', view.connects],
    ['keys', [...keys]], ['last-error', view.lastError], ...pair === null ? [] : pairFields(pair),
  ])
}

function pairFields({ side }: PairDriver): [string, RespValue][] {
  if (!side.ready) return [['stamped', '']]
  return [['stamped', side.position], ['conflicts', side.conflicts], ['conflicts-lost', side.state.lost], ['tombstones', side.tombstones()]]
}
