/**
 * SlotMigrations: what a slot migration needs of the data plane and of another node's control plane: performs the
 * machine's effects about it, and turns what comes of them into events.
 * Elsewhere: every decision (packages/cluster, migration), sending and applying (native/src/engine/slot_*.h).
 */
import { type ClusterMachine, type ClusterEvent, type Effect, type MigrationRow, rangeWords } from '@slotwise/cluster'
import { type ControlPort, type Engine, ReplyError } from '@slotwise/engine'
import { askNode, NodeLine } from './node-question.js'
import type { RespValue } from './resp-writer.js'
import { SlotSweeper } from './slot-sweeper.js'

/** A target may have leftovers to delete, or a lot to write, before it says that it is ready. */
const BEGIN_TIMEOUT_MS = 10_000
const ASK_TIMEOUT_MS = 3000
/** A log that cannot be written is asked again so often. */
const RETRY_MS = 1000

export type MigrationEffect = Extract<Effect, {
  type: 'askNode' | 'startExport' | 'finishExport' | 'stopExport' | 'holdSlots' | 'openImport' | 'closeImport'
}>

export interface SlotMigrationsOptions {
  readonly engine: Engine
  readonly control: ControlPort
  readonly directive: (name: string) => string
  readonly keysInSlot: (slot: number) => number
  /** May come while effects are performed: it waits its turn. */
  readonly onEvent: (event: ClusterEvent) => void
  readonly onLog: (text: string) => void
  readonly isPrimary: () => boolean
}

interface Progress {
  keys: number
  bytes: number
  slots: number
  commands: number
  logLeft: number
  heldUs: number
  pause: Pause
}

/** When in the pause of writers, in us from its beginning on; 0: not yet. */
interface Pause {
  /** No write to the slots was under way any more. */
  sealed: number
  /** The target had answered all that was sent. */
  settled: number
  /** The control plane heard of that, and asked the target to take the slots. */
  asked: number
  /** The outcome was known. */
  decided: number
}

export class SlotMigrations {
  readonly sweeper: SlotSweeper
  readonly #options: SlotMigrationsOptions
  /** Of exports that are over, by job. */
  readonly #last = new Map<string, Progress>()
  /** Of the last pause, from its beginning on. */
  #askedUs = 0
  #decidedUs = 0
  /** To the target of the present export, once it was asked to prepare. */
  #line: { readonly job: string; readonly line: NodeLine } | null = null
  /** Slots that are empty, which the disk does not know yet. */
  readonly #unsynced: number[] = []
  #isSyncing = false
  #stopped = false

  constructor(options: SlotMigrationsOptions) {
    this.#options = options
    this.sweeper = new SlotSweeper({
      clear: (slot) => options.control.clearSlot(slot),
      mayClear: options.isPrimary,
      onCleared: (slots) => this.#cleared(slots),
    })
  }

  perform(effect: MigrationEffect): void {
    switch (effect.type) {
      case 'askNode': return void this.#ask(effect)
      case 'startExport': return this.#start(effect)
      case 'finishExport': return void this.#run('SLOTWISE.EXPORT', 'FINISH', effect.job)
      case 'stopExport': return this.#stop(effect.job)
      case 'holdSlots': return void this.#run('SLOTWISE.EXPORT', 'HOLD', ...rangeWords(effect.slots))
      case 'openImport':
        this.sweeper.clearNow((slot) => effect.slots.includes(slot))
        for (const slot of effect.slots) if (this.#options.keysInSlot(slot) > 0) this.#options.control.clearSlot(slot)
        return void this.#run('SLOTWISE.IMPORT', 'OPEN', effect.job, ...rangeWords(effect.slots))
      case 'closeImport': return void this.#run('SLOTWISE.IMPORT', 'CLOSE', effect.job)
    }
  }

  /** A `stopExport` is about to be performed. */
  decided(): void { this.#decidedUs = this.#heldUs() }

  /** SLOTWISE.EXPORTED of the data plane: what follows. */
  told([job = '', word = '', why = '']: readonly string[]): void {
    const progress = word === 'near' || word === 'ready' || word === 'lost' || word === 'again' ? word : 'failed'
    if (progress === 'ready') this.#askedUs = this.#heldUs()
    this.#options.onEvent({ type: 'exported', job, progress, why })
  }

  /** Now and then while an import is under way. */
  watchImport(): void {
    const [job, , , idleMs] = this.#run('SLOTWISE.IMPORT', 'INFO') as [string, number, number, number]
    if (job !== '') this.#options.onEvent({ type: 'importIdle', job, idleMs })
  }

  stop(): void {
    this.#stopped = true
    this.#takeLine('', null)
    this.sweeper.stop()
    this.#run('SLOTWISE.EXPORT', 'STOP')
  }

  /** CLUSTER MIGRATE STATUS: with the field names of Valkey's CLUSTER GETSLOTMIGRATIONS where there are such. */
  status(machine: ClusterMachine): RespValue {
    const self = machine.view.self.id
    const [job, phase, ...present] = this.#exportInfo()
    return machine.migration.rows.map((row) => {
      const now = row.job === job ? this.#progress(present) : this.#last.get(row.job)
      return new Map<string, RespValue>([
        ['name', row.job],
        ['operation', row.direction === 'export' ? 'EXPORT' : 'IMPORT'],
        ['slot_ranges', rangesText(row)],
        ['source_node', row.direction === 'export' ? self : row.peer],
        ['target_node', row.direction === 'export' ? row.peer : self],
        ['create_time', Math.floor(row.startedAt / 1000)],
        ['state', row.job === job && (row.state === 'streaming' || row.state === 'promised') ? phase : row.state],
        ['message', row.why],
        ['duration_ms', Math.round((row.endedAt ?? machine.view.now) - row.startedAt)],
        ...(row.direction === 'import' ? this.#importRows(row) : [['resumed', row.resumes ?? 0], ['begun_again', row.restarts ?? 0]] as const),
        ...(row.direction === 'import' || now === undefined ? [] : [
          ['slots_sent', now.slots], ['keys_sent', now.keys], ['bytes_sent', now.bytes], ['commands_sent', now.commands],
          ['remaining_repl_size', now.logLeft], ['write_pause_us', now.heldUs],
          ['write_pause_until_us', new Map<string, RespValue>(Object.entries(now.pause))],
        ] as const),
      ])
    })
  }

  #importRows(row: MigrationRow): (readonly [string, RespValue])[] {
    const [job, commands, bytes] = this.#run('SLOTWISE.IMPORT', 'INFO') as [string, number, number, number]
    return job === row.job ? [['commands_applied', commands], ['bytes_applied', bytes]] : []
  }

  async #ask({ job, question, ip, port, words }: Extract<MigrationEffect, { type: 'askNode' }>): Promise<void> {
    const { directive } = this.#options
    const address = { host: ip, port, user: directive('masteruser'), password: directive('masterauth') }
    const timeoutMs = question === 'begin' || question === 'prepare' ? BEGIN_TIMEOUT_MS : ASK_TIMEOUT_MS
    // Writers wait for the claim, so it has a connection already.
    if (question === 'prepare') this.#takeLine(job, new NodeLine(address))
    const line = question === 'prepare' || question === 'claim' ? this.#line : null
    const answer = await (line?.job === job && line.line.isOpen
      ? line.line.ask(words, timeoutMs) : askNode(address, words, timeoutMs))
    if (question === 'claim' && this.#line?.job === job) this.#takeLine(job, null)
    if (!this.#stopped) this.#options.onEvent({ type: 'nodeAnswered', job, question, answer })
  }

  #takeLine(job: string, line: NodeLine | null): void {
    this.#line?.line.close()
    this.#line = line === null ? null : { job, line }
  }

  /**
   * Told when the deletions are on disk: until then a start must delete again. Nobody else would have them written.
   * What is cleared while the disk is waited for waits for the next time.
   */
  #cleared(slots: readonly number[]): void {
    this.#unsynced.push(...slots)
    if (!this.#isSyncing) this.#syncCleared()
  }

  #syncCleared(): void {
    const slots = this.#unsynced.splice(0)
    this.#isSyncing = true
    void this.#options.engine.sync().then(
      () => {
        this.#isSyncing = false
        if (this.#stopped) return
        this.#options.onEvent({ type: 'slotsCleared', slots })
        if (this.#unsynced.length > 0) this.#syncCleared()
      },
      () => {
        this.#unsynced.push(...slots)
        if (!this.#stopped) setTimeout(() => this.#syncCleared(), RETRY_MS).unref()
      },
    )
  }

  #start({ job, ip, port, slots }: Extract<MigrationEffect, { type: 'startExport' }>): void {
    this.#askedUs = this.#decidedUs = 0
    const reply = this.#run('SLOTWISE.EXPORT', 'START', job, ip, String(port), ...rangeWords(slots))
    if (reply instanceof ReplyError) this.#options.onEvent({ type: 'exported', job, progress: 'failed', why: reply.message })
  }

  #stop(job: string): void {
    const [running, , ...before] = this.#exportInfo()
    this.#run('SLOTWISE.EXPORT', 'STOP')
    if (running !== job) return
    const now = this.#progress(before)
    const progress = now.heldUs === 0 ? now : { ...now, heldUs: this.#heldUs() }
    this.#last.set(job, progress)
    if (this.#last.size > 16) this.#last.delete(this.#last.keys().next().value!)
    this.#options.onLog(`Migration ${job}: ${progress.keys} keys and ${progress.commands} commands in ${progress.bytes} bytes were sent, ` +
      `writes to the slots waited for ${pauseText(progress)}`)
  }

  #progress(numbers: readonly number[]): Progress {
    const progress = progressOf(numbers)
    if (progress.pause.sealed === 0) return { ...progress, heldUs: 0 } // what there is to tell is of an earlier one
    return { ...progress, pause: { ...progress.pause, asked: this.#askedUs, decided: this.#decidedUs } }
  }

  #heldUs(): number { return progressOf(this.#exportInfo().slice(2) as number[]).heldUs }

  #exportInfo(): [job: string, phase: string, ...numbers: number[]] {
    return this.#run('SLOTWISE.EXPORT', 'INFO') as [string, string, ...number[]]
  }

  #run(...args: string[]): unknown {
    try {
      return this.#options.engine.command(args)
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error
      this.#options.onLog(`${args.slice(0, 3).join(' ')} was refused: ${error.message}`)
      return error
    }
  }
}

function progressOf(numbers: readonly number[]): Progress {
  const [keys = 0, bytes = 0, slots = 0, commands = 0, logLeft = 0, heldUs = 0, sealed = 0, settled = 0] = numbers
  return { keys, bytes, slots, commands, logLeft, heldUs, pause: { sealed, settled, asked: 0, decided: 0 } }
}

/** The whole pause, and where it went. */
function pauseText({ heldUs, pause }: Progress): string {
  const ms = (us: number): string => (us / 1000).toFixed(1)
  const { sealed, settled, asked, decided } = pause
  if (asked === 0 || decided === 0) return `${ms(heldUs)} ms`
  return `${ms(heldUs)} ms (${ms(sealed)} until the last of them was done, ${ms(settled - sealed)} for the rest of the log, ` +
    `${ms(asked - settled)} until that was known, ${ms(decided - asked)} for the claim, ${ms(heldUs - decided)} until they went on)`
}

/** Of lists that are never changed: who polls STATUS is not to keep a node busy that hands over all slots. */
const rangesTexts = new WeakMap<readonly number[], string>()

function rangesText({ slots }: MigrationRow): string {
  let text = rangesTexts.get(slots)
  if (text === undefined) {
    const words = rangeWords(slots)
    text = Array.from({ length: words.length / 2 }, (_, index) => `${words[index * 2]!}-${words[index * 2 + 1]!}`).join(' ')
    rangesTexts.set(slots, text)
  }
  return text
}
