/** The suite once, in its quick form, redis-server against itself: it runs, reports, and leaves nothing behind. */
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describePeer, freePortRun, tempDir } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'
import { outputOf } from '../src/kvload.js'
import { isPortFree } from '../src/server-process.js'
import type { Report } from '../src/report.js'

const bin = fileURLToPath(new URL('../bin/slotwise-benchmark', import.meta.url))
const suite = (...args: string[]): Promise<string> => outputOf(process.execPath, [bin, ...args])

describe('slotwise-benchmark', () => {
  it('lists scenarios and peers', async () => {
    const list = await suite('--list')
    for (const name of ['p1', 'p16', 'p64', 'everysec-cost', 'always', 'memory', 'embedded', 'restart', 'conns', 'http', 'http-gateway', 'http-local']) {
      expect(list).toMatch(new RegExp(`^  ${name} `, 'm'))
    }
    expect(list).toMatch(/Servers: redis, slotwise/)
  })

  it('refuses a scenario that there is none of', async () => {
    await expect(suite('p17')).rejects.toThrow(/ended with 2: unknown scenario p17/)
  })
})

describePeer('redis-server', 'a null comparison', () => {
  it('reports every figure of both sides as JSON, Markdown and plot, and leaves no server', async () => {
    await using out = tempDir()
    const port = await freePortRun([0, 1, 2, 3, 4, 5, 6, 7])
    const short = ['--quick', '--runs', '2', '--seconds', '0.1', '--warmup', '0.05', '--keys', '2000']
    const text = await suite(
      'p1', 'memory', ...short, '--subject', 'redis', '--against', 'redis', '--port-base', String(port), '--out', out.path,
    )
    expect(text).toContain('2 done, 0 failed, 0 skipped, 0 pending')
    const [folder = ''] = readdirSync(out.path)
    const read = (name: string): Promise<string> => readFile(join(out.path, folder, name), 'utf8')
    const report = JSON.parse(await read('report.json')) as Report
    const [p1, memory] = report.scenarios
    expect(p1?.figures.filter(({ metric }) => metric === 'cpuUsPerOp').map((figure) => figure.case))
      .toEqual(['GET', 'SET', 'GET at 50 % rate', 'GET at 80 % rate'])
    expect(memory?.figures.map(({ metric }) => metric)).toContain('rssBytes')
    for (const { sides } of p1?.figures ?? []) {
      expect(sides.map(({ label, runs }) => [label, runs.length])).toEqual([['redis', 2], ['redis (again)', 2]])
    }
    expect(p1?.verdicts).toEqual([])
    expect(report.versions.redis).toMatch(/^7\./)
    expect(await read('report.md')).toContain('Null comparison')
    expect(await read('ratios.svg')).toContain('</svg>')
    expect(await isPortFree(port)).toBe(true)
    expect(await isPortFree(port + 1)).toBe(true)
  }, 240_000)
})
