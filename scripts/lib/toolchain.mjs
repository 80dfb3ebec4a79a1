/** The tools a fresh machine must have, and where they are: Node, npm, python3, make, a C++ compiler. */
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { Problem } from './progress.mjs'
import { nodeVersionMin } from './repository.mjs'

/** The full path of a program on PATH, or null. */
export function which(program) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder === '') continue
    const file = join(folder, program)
    try {
      accessSync(file, constants.X_OK)
      if (statSync(file).isFile()) return file
    } catch {
      // Not in this folder.
    }
  }
  return null
}

/** Is `version` at least `min`? Both as 'major.minor.patch', missing parts are 0. */
export function isAtLeast(version, min) {
  const parts = (text) => text.replace(/^v/, '').split('.').map(Number)
  const [a, b] = [parts(version), parts(min)]
  for (let i = 0; i < 3; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return true
}

export function checkNode() {
  if (!isAtLeast(process.version, nodeVersionMin))
    throw new Problem(`Slotwise needs Node.js ${nodeVersionMin} or newer; this is ${process.version}.`)
}

/** Fails with one message that names everything that is missing. */
export function checkTools() {
  checkNode()
  const compiler = (process.env.CXX ?? 'g++').split(' ').at(-1)
  const missing = ['npm', 'python3', 'make', compiler].filter((program) => which(program) === null)
  if (missing.length > 0)
    throw new Problem(
      `Slotwise is built from source and needs: ${missing.join(', ')} (not found on PATH).\n` +
      '  Debian, Ubuntu: apt-get install python3 make g++\n  Fedora: dnf install python3 make gcc-c++\n' +
      '  macOS: xcode-select --install',
    )
}

/** Node's own headers, if they came with it: then node-gyp need not download them. */
export function nodeDir() {
  const folder = dirname(dirname(process.execPath))
  return existsSync(join(folder, 'include', 'node', 'node_api.h')) ? folder : null
}

/** Compilers for make and node-gyp, through ccache where it is installed. */
export function compilers() {
  const cc = process.env.CC ?? 'gcc'
  const cxx = process.env.CXX ?? 'g++'
  const cached = which('ccache') !== null && !cxx.includes('ccache')
  return cached ? { CC: `ccache ${cc}`, CXX: `ccache ${cxx}` } : { CC: cc, CXX: cxx }
}
