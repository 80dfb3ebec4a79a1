/**
 * Peers: the real Redis programs that tests compare with. A test that needs one is declared with `describePeer`; where
 * the peer is missing, or is not the 7.0 series that our replies follow, it is reported as skipped, with the reason in
 * its name, and never as passed.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe } from 'vitest'

export type PeerName = 'redis-server' | 'redis-cli' | 'redis-benchmark' | 'redis-check-aof' | 'redis-check-rdb'

/** A peer that is there has a `path` and a `version`; one that cannot be used has a `reason`. */
export type Peer =
  | { readonly name: PeerName; readonly usable: true; readonly path: string; readonly version: string }
  | { readonly name: PeerName; readonly usable: false; readonly reason: string }

const wantedSeries = '7.0.'
const found = new Map<PeerName, Peer>()

/** Looks for `name` on PATH, once a process. */
export function peer(name: PeerName): Peer {
  const known = found.get(name)
  if (known !== undefined) return known
  const result = look(name)
  found.set(name, result)
  return result
}

function look(name: PeerName): Peer {
  const path = onPath(name)
  if (path === null) return { name, usable: false, reason: `${name} is not on PATH` }
  const version = versionOf(path)
  if (version === null) return { name, usable: false, reason: `${path} does not tell its version` }
  if (!version.startsWith(wantedSeries))
    return { name, usable: false, reason: `${name} is ${version}, the tests follow ${wantedSeries}x` }
  return { name, usable: true, path, version }
}

function onPath(name: string): string | null {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not in this folder.
    }
  }
  return null
}

/** The checkers have no --version of their own, but they are the server's program: under its name they tell it. */
function versionOf(path: string): string | null {
  const argv0 = path.includes('redis-check-') ? 'redis-server' : path
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', argv0 })
  return /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? null
}

/**
 * `describe` for tests that need peers.
 * @param names  the peers that must all be usable
 * @param title  as for `describe`
 * @param body  as for `describe`; collected but not run where a peer is missing
 */
export function describePeer(names: PeerName | readonly PeerName[], title: string, body: () => void): void {
  const all = typeof names === 'string' ? [names] : names
  const reasons = all.map(peer).flatMap((item) => item.usable ? [] : [item.reason])
  if (reasons.length === 0) describe(title, body)
  else describe.skip(`${title} [skipped: ${reasons.join('; ')}]`, body)
}
