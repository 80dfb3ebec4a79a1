/**
 * EmbeddedRunner: measures a store inside a Node process, in a fresh process for each run (embedded-child.ts), so that
 * no peer inherits another's heap, compiled code or memory map.
 */
import { createRequire } from 'node:module'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ChildTask, EmbeddedResult } from './embedded-child.js'
import { outputOf } from './kvload.js'
import type { Codec, EmbeddedPeer } from './scenario.js'
import { makeDir, removeDir } from './server-process.js'

const CHILD = fileURLToPath(new URL('./embedded-child.js', import.meta.url))

/** A loop without sockets and schedulers is steady: longer windows would not narrow the spread, only cost minutes. */
const WINDOW_SECONDS_MAX = 2

export interface PeerEntry {
  peer: EmbeddedPeer
  /** The compiled peer file, which the child imports. */
  path: string
}

export class EmbeddedRunner {
  constructor(private readonly options: { seconds: number; warmupSeconds: number; seed: number }) {}

  /** Undefined if the peer opens, stores and returns a value; else the reason in one line. */
  async whyAbsent(entry: PeerEntry): Promise<string | undefined> {
    try {
      await this.#child(entry, { keys: 100, valueBytes: 64, codec: entry.peer.codecs[0] ?? 'default' }, 0.01)
      return undefined
    } catch (error) {
      const lines = (error as Error).message.split('\n')
      const reason = lines.find((line) => /error/i.test(line)) ?? lines[0] ?? ''
      return `${reason.replace(/^.*?ended with \d+: /, '').trim()} (${entry.peer.install})`
    }
  }

  /** Version of the package behind a peer; of Node for what is part of it. */
  version(entry: PeerEntry): Promise<string> {
    return Promise.resolve(packageVersion(entry.peer.name) ?? `Node ${process.versions.node}`)
  }

  run(entry: PeerEntry, task: { keys: number; valueBytes: number; codec: Codec }): Promise<EmbeddedResult> {
    return this.#child(entry, task, Math.min(this.options.seconds, WINDOW_SECONDS_MAX))
  }

  async #child(
    entry: PeerEntry,
    task: { keys: number; valueBytes: number; codec: Codec },
    seconds: number,
  ): Promise<EmbeddedResult> {
    const dir = makeDir()
    try {
      const { seed, warmupSeconds } = this.options
      const lengths = { seconds, warmupSeconds: Math.min(warmupSeconds, seconds) }
      const full: ChildTask = { ...task, ...lengths, peerPath: entry.path, dir, seed }
      const output = await outputOf(process.execPath, ['--no-warnings', CHILD, JSON.stringify(full)])
      // A peer may print on its own; the result is the last line.
      return JSON.parse(output.trim().split('\n').at(-1) ?? '') as EmbeddedResult
    } finally {
      removeDir(dir)
    }
  }
}

/** Version in the package.json of an installed dependency; undefined if it is not one. */
function packageVersion(name: string): string | undefined {
  let folder: string
  try {
    folder = dirname(createRequire(import.meta.url).resolve(name))
  } catch {
    return undefined
  }
  for (; folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, 'package.json')
    if (!existsSync(path)) continue
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as { name?: string; version?: string }
    if (manifest.name === name) return manifest.version
  }
  return undefined
}
