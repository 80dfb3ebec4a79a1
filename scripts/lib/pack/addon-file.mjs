/** The addon as a file: what it asks of the machine that loads it, and how it is made small. */
import { copyFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { isAtLeast, which } from '../toolchain.mjs'

/** The highest version of glibc that `file` has a symbol of, or null if readelf is not there to tell. */
export function glibcOf(file) {
  if (which('readelf') === null) return null
  const { stdout } = spawnSync('readelf', ['-V', '-W', file], { encoding: 'utf8', maxBuffer: 64 << 20 })
  const versions = [...stdout.matchAll(/GLIBC_(\d+(?:\.\d+)+)/g)].map(([, version]) => version)
  return versions.reduce((highest, version) => isAtLeast(version, highest) ? version : highest, '0')
}

/** Copies it without what only a debugger reads. Symbols of functions stay, for stack traces. */
export function copyStripped(from, to) {
  copyFileSync(from, to)
  if (process.platform === 'linux' && which('strip') !== null) spawnSync('strip', ['--strip-debug', to])
}
