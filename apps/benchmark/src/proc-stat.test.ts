import { describe, expect, it } from 'vitest'
import { cpuUsOf, parseProcStat, parseStatusBytes, rssBytesOf } from './proc-stat.js'

const tail = 'S 1 2 2 0 -1 4194560 500 0 0 0 12 34 0 0 20 0 7 0 100 1000 200 184467440737095'

describe('parseProcStat', () => {
  it('reads utime, stime and threads, in microseconds', () => {
    expect(parseProcStat(`42 (redis-server) ${tail}`, 100))
      .toEqual({ userUs: 120_000, systemUs: 340_000, threadCount: 7 })
  })

  it('is not confused by a command name with spaces and parentheses', () => {
    expect(parseProcStat(`42 (a) b) (c d) ${tail}`, 100).userUs).toBe(120_000)
  })

  it('refuses what is not a stat line', () => {
    expect(() => parseProcStat('', 100)).toThrow(SyntaxError)
    expect(() => parseProcStat('42 (x) S 1 2', 100)).toThrow(SyntaxError)
  })
})

describe('parseStatusBytes', () => {
  it('finds a field at the start of a line only', () => {
    expect(parseStatusBytes('Name:\tVmRSS:\nVmHWM:\t 10 kB\nVmRSS:\t    2048 kB\n', 'VmRSS')).toBe(2 * 2 ** 20)
    expect(parseStatusBytes('Name:\tx\n', 'VmRSS')).toBeUndefined()
  })
})

describe.runIf(process.platform === 'linux')('a live process', () => {
  it('has used the CPU that Node counts for it', async () => {
    while (process.cpuUsage().user < 50_000) { /* Use a few ticks, so that there is something to compare. */ }
    const { user, system } = process.cpuUsage()
    // Two clocks of the same thing; the kernel's ticks are 10 ms.
    expect(Math.abs(await cpuUsOf(process.pid) - (user + system))).toBeLessThan(50_000 + (user + system) * 0.05)
  })

  it('has a resident size', async () => {
    const bytes = await rssBytesOf(process.pid)
    expect(bytes / process.memoryUsage.rss()).toBeGreaterThan(0.5)
  })
})
