/**
 * What a node does, as data, in the order in which it must happen: each effect is finished before the next one starts.
 * `persist` is the promise behind votes and epochs: the facts of the machine (ClusterMachine.facts, read when the
 * effect is performed) must be on disk, and with `durable` fsynced, before any effect after it in the list is
 * performed. The effects of a later step come after those of an earlier one. A driver that cannot persist performs
 * nothing after it.
 * Elsewhere: who decides (the other files of this package, election, cluster), who performs (a driver).
 */
import type { BusMessage, NodeId } from './bus-message.js'

/** Positive: outbound, numbered by the machine. Negative: inbound, numbered by the driver. */
export type LinkId = number

/** What the source of a slot migration asks its target; `outcome`: a target its source (cluster, migration). */
export type NodeQuestion = 'begin' | 'prepare' | 'claim' | 'settle' | 'abort' | 'outcome'

export type LogLevel = 'debug' | 'info' | 'warn'

export type Effect =
  /** `mayWait`: a moment, with others of its kind: nobody relies on it, and there may be thousands. */
  | { type: 'persist'; durable: boolean; why: string; mayWait?: boolean }
  | { type: 'connect'; link: LinkId; node: NodeId; ip: string; port: number }
  /** Answered by the event `resolved`, if the name has addresses; the next effect does not wait for it. */
  | { type: 'resolve'; node: NodeId; hostname: string }
  | { type: 'send'; link: LinkId; message: BusMessage }
  | { type: 'close'; link: LinkId }
  /** Copy from this primary from now on; the same node again means that its address changed. */
  | { type: 'replicateFrom'; node: NodeId; ip: string; port: number }
  /** Stop replicating, begin a history of one's own, take writes. */
  | { type: 'becomePrimary' }
  | { type: 'pauseWrites'; untilMs: number }
  | { type: 'unpauseWrites' }
  | { type: 'deleteKeysInSlots'; slots: readonly number[] }
  /**
   * To another node's control plane, over a connection of clients: SLOTWISE.IMPORT and these words. Answered by an
   * event; the next effect does not wait for it.
   */
  | { type: 'askNode'; job: string; question: NodeQuestion; ip: string; port: number; words: readonly string[] }
  /** The data plane sends these slots and what happens to them, and tells when it is near the end, or has failed. */
  | { type: 'startExport'; job: string; ip: string; port: number; slots: readonly number[] }
  /** Writers may be held back now: it tells when they are, and all is sent. */
  | { type: 'finishExport'; job: string }
  /** Nothing more is sent when it is done; commands that were held back go on. */
  | { type: 'stopExport'; job: string }
  /** Commands for these slots wait, until `stopExport`. */
  | { type: 'holdSlots'; slots: readonly number[] }
  /** Keys of these slots may be sent here; what was there of them is gone before. */
  | { type: 'openImport'; job: string; slots: readonly number[] }
  | { type: 'closeImport'; job: string }
  /** CLUSTER RESET of a replica. */
  | { type: 'flushData' }
  /**
   * A copy of a shard promises a new ballot: no acknowledgement under a smaller one may leave from now on. Answered by
   * the event `fenced`, with the offsets as they are after that.
   */
  | { type: 'fence'; ballot: { readonly term: number; readonly node: NodeId } }
  /** Who serves which slot, or an open slot, has changed: the data plane's map must be replaced. */
  | { type: 'slotMapChanged' }
  | { type: 'stateChanged'; state: 'ok' | 'fail'; why: string }
  /** The node must not go on, and says why. */
  | { type: 'stop'; why: string }
  | { type: 'publish'; channel: Uint8Array; message: Uint8Array; sharded: boolean }
  | { type: 'log'; level: LogLevel; text: string }
  /** For a dashboard: what changed, with the words of the glossary. */
  | { type: 'event'; name: EventName; node: NodeId; epoch: number }

export type EventName =
  | 'nodeAdded' | 'nodeRemoved' | 'suspected' | 'failed' | 'recovered' | 'electionStarted' | 'voteGranted' | 'promoted'
  | 'demoted' | 'manualFailover' | 'replicaMigrated' | 'epochCollision' | 'duplicateId' | 'refusedMessage'
