/**
 * ClusterFiles: where a node of a cluster keeps what it must not forget: LMDB, on disk before it is acted upon, and
 * nodes.conf in Redis's format, for its tools, and to be taken over from a redis-server or by one.
 * LMDB is the truth: one commit for a promise, and nodes.conf follows, many promises at a time. What is no promise (an
 * address, an open slot) is in nodes.conf only, at once, and with the next promise in LMDB; what may wait follows if
 * nodes.conf was written just before, since a reshard changes slots by the thousand. Each has a number that
 * counts what was saved, so a start knows which one is newer; a nodes.conf without one is Redis's or an operator's, and
 * counts unless its epoch is older. What was voted and promised under the own id is kept in any case.
 * nodes.conf is written whole, under another name and then renamed, locked before it has its name, since redis-server
 * locks the file itself.
 */
import { close, closeSync, fsync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { type ClusterFacts, parseNodesConf, type SavedCluster, withFileVersion } from '@slotwise/cluster'
import { lockDescriptor } from '@slotwise/engine'
import { State } from '@slotwise/state'

const FACTS = 'cluster'
const LOG = 'copy-log'
/** nodes.conf is so much behind LMDB at most, and on disk not much later. */
const BEHIND_MS = 100
const RETRY_MS = 1000

/** How the facts are saved, as the effect says. */
export interface Persisting { readonly durable: boolean; readonly mayWait?: boolean }

type SavedFacts = ClusterFacts & { fileVersion?: number }

/** How far the log of a copy went, and of which history it was, when that was noted last. */
export interface CopyLogNote {
  history: string
  offset: number
  /** Of the machine: another one has forgotten what was not fsynced. */
  boot: string
}

/** What was found at a start; `facts` null: this store has never had any. */
export interface FoundFacts {
  facts: ClusterFacts | null
  log: CopyLogNote | null
  /** There was neither a store nor a nodes.conf. */
  isNew: boolean
}

export class ClusterFilesError extends Error { override readonly name = 'ClusterFilesError' }

export class ClusterFiles {
  readonly #path: string
  readonly #state: State
  readonly #log: (text: string) => void
  /** The descriptor of nodes.conf, which has its lock. */
  #locked: number | null = null
  /** Of what was saved last. */
  #version = 0
  /** What nodes.conf should say and does not yet. */
  #behind: (() => string) | null = null
  #timer: NodeJS.Timeout | undefined
  #writtenAtMs = -Infinity

  private constructor(path: string, state: State, log: (text: string) => void) {
    this.#path = path
    this.#state = state
    this.#log = log
  }

  /**
   * @param path  of nodes.conf (cluster-config-file)
   * @throws {ClusterFilesError} if another process has the file, or nothing that is there can be believed
   */
  static open(path: string, log: (text: string) => void):
  { files: ClusterFiles; saved: SavedCluster | undefined; found: FoundFacts } {
    const fd = openSync(path, 'a')
    if (!lockDescriptor(fd)) {
      closeSync(fd)
      throw new ClusterFilesError(`Sorry, the cluster configuration file ${path} is already used by a different Redis Cluster node. Please make ` +
        'sure that different nodes use different cluster configuration files.')
    }
    let state: State
    try {
      state = State.open(`${path}.mdb`)
    } catch (error) {
      closeSync(fd)
      throw new ClusterFilesError(`Cannot open ${path}.mdb: ${(error as Error).message}`)
    }
    const files = new ClusterFiles(path, state, log)
    files.#locked = fd
    const saved = files.#read()
    const facts = (state.get(FACTS) as ClusterFacts | undefined) ?? null
    const noted = (state.get(LOG) as CopyLogNote | undefined) ?? null
    return { files, saved, found: { facts, log: noted, isNew: saved === undefined } }
  }

  /**
   * @param read  what there is to save; of what may wait as it is then
   * @throws {Error} if it is not written; with `durable` if it is not on disk
   */
  save(read: () => ClusterFacts, { durable, mayWait = false }: Persisting): void {
    const version = ++this.#version
    const textOf = ({ nodesConf }: ClusterFacts): string => withFileVersion(nodesConf, version)
    if (durable) {
      const facts = read()
      const saved: SavedFacts = { ...facts, fileVersion: version }
      this.#state.put(FACTS, saved)
      this.#behind = () => textOf(facts)
    } else if (mayWait && performance.now() - this.#writtenAtMs < BEHIND_MS) this.#behind = () => textOf(read())
    else return this.#write(textOf(read()))
    this.#timer ??= setTimeout(this.#catchUp, BEHIND_MS)
  }

  /** Durable when it returns. */
  noteLog(note: CopyLogNote): void { this.#state.put(LOG, note) }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    try {
      if (this.#behind !== null) this.#write(this.#behind())
      if (this.#locked !== null) fsyncSync(this.#locked)
      syncDirectory(dirname(this.#path))
    } catch (error) { // LMDB has it
      this.#log(`${this.#path} cannot be written: ${(error as Error).message}`)
    }
    await this.#state.close()
    if (this.#locked !== null) closeSync(this.#locked)
    this.#locked = null
  }

  /** What was promised is in LMDB already: a disk that is full now is no reason to end. */
  readonly #catchUp = (): void => {
    this.#timer = undefined
    try {
      if (this.#behind !== null) this.#write(this.#behind())
      syncBehind(this.#path)
      syncBehind(dirname(this.#path))
    } catch (error) {
      this.#log(`${this.#path} cannot be written: ${(error as Error).message}`)
      this.#timer = setTimeout(this.#catchUp, RETRY_MS)
    }
  }

  #write(text: string): void {
    const path = `${this.#path}.new`
    const fd = openSync(path, 'w', 0o644)
    let named = false
    try {
      lockDescriptor(fd)
      const bytes = Buffer.from(text)
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
      renameSync(path, this.#path)
      named = true
    } finally {
      if (!named) {
        closeSync(fd)
        rmSync(path, { force: true })
      }
    }
    if (this.#locked !== null) closeSync(this.#locked)
    this.#locked = fd
    this.#behind = null
    this.#writtenAtMs = performance.now()
  }

  #read(): SavedCluster | undefined {
    const facts = this.#state.get(FACTS) as SavedFacts | undefined
    const text = readFileSync(this.#path, 'utf8')
    if (text.trim() === '' && facts === undefined) return undefined
    let saved = parseNodesConf(text)
    if ('refused' in saved) {
      if (facts === undefined) throw new ClusterFilesError(`${saved.refused} (${this.#path})`)
      this.#log(`${this.#path} cannot be used (${text.trim() === '' ? 'it is empty' : saved.refused}): the cluster is taken from ${this.#path}.mdb`)
      saved = parseNodesConf(facts.nodesConf)
      if ('refused' in saved) throw new ClusterFilesError(`${this.#path}.mdb: ${saved.refused}`)
    }
    const { fileVersion } = saved
    this.#version = Math.max(fileVersion ?? 0, facts?.fileVersion ?? 0)
    // A crash came between both: the file is older than what was promised last.
    if (facts?.id === saved.self.id &&
      (fileVersion === null ? facts.currentEpoch > saved.currentEpoch : fileVersion < (facts.fileVersion ?? 0))) {
      const promised = parseNodesConf(facts.nodesConf)
      if (!('refused' in promised)) saved = promised
    }
    for (const name of saved.unknownVars) this.#log(`Skipping unknown cluster config variable '${name}'`)
    // Whatever has happened to the file: what was promised under this id stays promised.
    if (facts?.id === saved.self.id) {
      saved.currentEpoch = Math.max(saved.currentEpoch, facts.currentEpoch)
      saved.lastVoteEpoch = Math.max(saved.lastVoteEpoch, facts.lastVoteEpoch)
      saved.self.configEpoch = Math.max(saved.self.configEpoch, facts.configEpoch)
      saved.migrations = facts.migrations
    }
    return saved
  }
}

/** Some time soon; nobody waits. */
function syncBehind(path: string): void {
  const fd = openSync(path, 'r')
  fsync(fd, () => close(fd))
}

function syncDirectory(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
