/**
 * TCP ports for servers that are started a moment later, or that come back to their port. "Free now" is not enough:
 * test files run side by side, and of two that ask at once both would be told the same. So a port is reserved for the
 * process that asked, by a file with its pid, until that process has ended. They lie below those that systems give to
 * connections and to listeners that name none.
 */
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const [LOWEST, END] = [10_000, 32_000]
const ATTEMPTS = 1000
const STALE_MS = 3_600_000
/** Each user has one: another's files could not be written. */
const folder = join(tmpdir(), `slotwise-test-ports-${process.getuid?.() ?? ''}`)
/** Reserved by this process. */
const own = new Set<number>()
let listening = false

/**
 * @param host  the address on which it must be free. @default '127.0.0.1'
 * @returns a port that nobody listens on and no other test will be given
 */
export const freePort = (host = '127.0.0.1'): Promise<number> => freePortRun([0], host)

/** So many, in ascending order. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) ports.push(await freePort())
  return ports.sort((a, b) => a - b)
}

/** A port of which those at `offsets` from it are free; the port itself is meant only if 0 is among them. */
export async function freePortRun(offsets: readonly number[], host = '127.0.0.1'): Promise<number> {
  const span = Math.max(...offsets)
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const first = LOWEST + Math.floor(Math.random() * (END - LOWEST - span))
    const ports = offsets.map((offset) => first + offset)
    const reserved = ports.filter(reserve)
    const isOurs = reserved.length === ports.length
    if (isOurs && (await Promise.all(ports.map((port) => isFree(port, host)))).every(Boolean)) return first
    reserved.forEach(release)
  }
  throw new Error(`no port on ${host} is free`)
}

/** False if it is somebody's. */
function reserve(port: number): boolean {
  if (!listening) {
    mkdirSync(folder, { recursive: true })
    process.on('exit', () => own.forEach(release))
    removeStale()
  }
  listening = true
  try {
    const fd = openSync(join(folder, String(port)), 'wx')
    writeSync(fd, String(process.pid))
    closeSync(fd)
    own.add(port)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function release(port: number): void {
  own.delete(port)
  rmSync(join(folder, String(port)), { force: true })
}

/** Of processes that were killed. Old ones only: what is taken over at once could be another's by then. */
function removeStale(): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    try {
      const isOld = Date.now() - statSync(path).mtimeMs > STALE_MS
      if (isOld && !isAlive(Number(readFileSync(path, 'utf8')))) rmSync(path, { force: true })
    } catch {
      // Its owner has just removed it.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', () => resolve(false))
    server.listen(port, host, () => server.close(() => resolve(true)))
  })
}
