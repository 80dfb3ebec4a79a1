/**
 * ClusterFiles: where a node of a cluster keeps what it must not forget: LMDB, before it is acted upon, and nodes.conf
 * in Redis's format, for its tools, and to be taken over from a redis-server or by one.
 * Both are written whole: nodes.conf under another name and then renamed, locked before it has its name, since
 * redis-server locks the file itself.
 * At a start nodes.conf says what the cluster looks like, LMDB what was voted and promised. If nodes.conf is gone or
 * cannot be believed, LMDB has the text as it was when something was promised last.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { type ClusterFacts, parseNodesConf, type SavedCluster } from '@slotwise/cluster'
import { lockDescriptor } from '@slotwise/engine'
import { State } from '@slotwise/state'

const FACTS = 'cluster'

export class ClusterFilesError extends Error { override readonly name = 'ClusterFilesError' }

export class ClusterFiles {
  readonly #path: string
  readonly #state: State
  /** The descriptor of nodes.conf, which has its lock. */
  #locked: number | null = null

  private constructor(path: string, state: State) {
    this.#path = path
    this.#state = state
  }

  /**
   * @param path  of nodes.conf (cluster-config-file)
   * @throws {ClusterFilesError} if another process has the file, or nothing that is there can be believed
   */
  static open(path: string, log: (text: string) => void): { files: ClusterFiles; saved: SavedCluster | undefined } {
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
    const files = new ClusterFiles(path, state)
    files.#locked = fd
    return { files, saved: files.#read(log) }
  }

  /** @throws {Error} if it is not written; with `durable` if it is not on disk */
  save(facts: ClusterFacts, durable: boolean): void {
    if (durable) this.#state.put(FACTS, facts)
    const path = `${this.#path}.new`
    const fd = openSync(path, 'w', 0o644)
    let named = false
    try {
      lockDescriptor(fd)
      const bytes = Buffer.from(facts.nodesConf)
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
      if (durable) fsyncSync(fd)
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
    if (durable) syncDirectory(dirname(this.#path))
  }

  async close(): Promise<void> {
    await this.#state.close()
    if (this.#locked !== null) closeSync(this.#locked)
    this.#locked = null
  }

  #read(log: (text: string) => void): SavedCluster | undefined {
    const facts = this.#state.get(FACTS) as ClusterFacts | undefined
    const text = readFileSync(this.#path, 'utf8')
    if (text.trim() === '' && facts === undefined) return undefined
    let saved = parseNodesConf(text)
    if ('refused' in saved) {
      if (facts === undefined) throw new ClusterFilesError(`${saved.refused} (${this.#path})`)
      log(`${this.#path} cannot be used (${text.trim() === '' ? 'it is empty' : saved.refused}): the cluster is taken from ${this.#path}.mdb`)
      saved = parseNodesConf(facts.nodesConf)
      if ('refused' in saved) throw new ClusterFilesError(`${this.#path}.mdb: ${saved.refused}`)
    }
    // A crash came between both: the file is older than what was promised last.
    if (facts?.id === saved.self.id && facts.currentEpoch > saved.currentEpoch) {
      const promised = parseNodesConf(facts.nodesConf)
      if (!('refused' in promised)) saved = promised
    }
    for (const name of saved.unknownVars) log(`Skipping unknown cluster config variable '${name}'`)
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

function syncDirectory(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
