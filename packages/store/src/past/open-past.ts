/**
 * OpenPast: where `open({ dir, at })` puts the data of that moment, and what the engine is told, so that it shows it
 * and nothing else. The copy is in a folder of its own below the system's for temporary files, or `pastDir`, and goes
 * when the store is closed.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { OpenOptions } from '../open-options.js'
import { parsePastTarget } from './plan-past.js'
import { restorePast } from './restore-past.js'

export interface Past { readonly options: OpenOptions<never>; remove(): void }

/** @throws {PurgedError} {ReplyError} {OpenError} {TypeError}; nothing is left behind */
export function openPast(options: OpenOptions<never>): Past {
  const { dir, at, pastDir = tmpdir(), directives = {}, ...others } = options
  const target = parsePastTarget(at!)
  const word = (name: string, otherwise: string): string => {
    const value = directives[name]
    return value === undefined ? otherwise : String(value)
  }
  const archiveDir = word('aof-archive-dir', '')
  const place = {
    dir: resolve(dir!), dirname: word('appenddirname', 'appendonlydir'), filename: word('appendfilename', 'appendonly.aof'),
    archiveDir: archiveDir === '' ? '' : resolve(dir!, archiveDir),
  }
  const folder = mkdtempSync(join(pastDir, 'slotwise-past-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  try {
    restorePast(place, target, join(folder, 'data'))
  } catch (error) {
    remove()
    throw error
  }
  const kept = Object.fromEntries(Object.entries(directives).filter(([name]) => name !== 'aof-archive-dir'))
  return {
    options: {
      ...others, dir: join(folder, 'data'), appendFsync: 'no',
      // Clients of listen() are refused by the engine itself: nobody has that many replicas.
      directives: { ...kept, 'auto-aof-rewrite-percentage': 0, 'min-replicas-to-write': 2 ** 31 - 1 },
    },
    remove,
  }
}
