/** What the two HTTP scenarios share: a side is a process that answers HTTP; a case is one load on each of them. */
import { fileURLToPath } from 'node:url'
import type { Bench, RunningScript, RunningServer, Sample } from '../../apps/benchmark/src/scenario.js'
import type { Window, WindowResult } from './load.js'

const SERVICE = fileURLToPath(new URL('./service.js', import.meta.url))
const LOAD = fileURLToPath(new URL('./load.js', import.meta.url))

export interface HttpSide {
  label: string
  /** As service.ts calls it. */
  store: string
  /** Whose paths it has. */
  routes: 'service' | 'gateway'
}

export interface HttpCase {
  name: string
  what: 'get' | 'put' | 'page'
  bytes: number
  connections: number
  rate?: number
}

/** Different requests that a connection goes through in turn; autocannon makes them for each connection anew. */
const REQUESTS = 100
/** In the quick form. */
const FEW = 10
const PAGE = 50

function requestsOf(
  { what, bytes }: HttpCase, routes: HttpSide['routes'], keys: number, count: number,
): Window['requests'] {
  const keyOf = (index: number): string => `key:${String(index).padStart(8, '0')}`
  // Spread over all keys, the same for every side.
  const indexOf = (i: number): number => (i * 7919) % (keys - PAGE)
  return Array.from({ length: count }, (_, i) => {
    const index = indexOf(i)
    const key = keyOf(index)
    if (what === 'get') return { method: 'GET', path: routes === 'service' ? `/kv/${key}` : `/get/${key}` }
    if (what === 'put') {
      const body = 'v'.repeat(bytes)
      const headers = { 'content-type': 'text/plain' }
      return routes === 'service' ? { method: 'PUT', path: `/kv/${key}`, body, headers } : { method: 'POST', path: `/set/${key}`, body, headers }
    }
    return { method: 'GET', path: routes === 'service' ? `/page/${index}` : `/mget/${Array.from({ length: PAGE }, (__, j) => keyOf(index + j)).join('/')}` }
  })
}

interface Running { side: HttpSide; service: RunningScript; redis: RunningServer | null; port: number }

/** @throws {Error} if a side does not return what it was given: a fast wrong answer is no figure. */
async function check({ side, port }: Running, bytes: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}${side.routes === 'service' ? '/kv/' : '/get/'}key:00000007`)
  const text = await response.text()
  const found = side.routes === 'service' ? text : (JSON.parse(text) as { result: string }).result
  if (found !== '000000000007'.padEnd(bytes, 'abcdefghij')) throw new Error(`${side.label} answers ${text.slice(0, 80)}`)
}

/** Measures all cases on all sides, in interleaved rounds. */
export async function compareHttp(bench: Bench, sides: readonly HttpSide[], cases: readonly HttpCase[]): Promise<void> {
  const keys = bench.keys(10_000)
  const { seconds, warmupSeconds } = bench.windows
  const load = bench.script(LOAD, [], 'load')
  for (const bytes of new Set(cases.map((item) => item.bytes))) {
    const running: Running[] = []
    for (const side of sides) {
      const needsRedis = side.store === 'ioredis' || side.store === 'pipelining'
      const redis = needsRedis ? await bench.startOne(bench.reference()) : null
      const service = bench.script(SERVICE, [side.store, String(redis?.port ?? ''), await bench.tempDir()], 'server')
      const { port } = await service.ask<{ port: number }>({ type: 'fill', keys, bytes })
      running.push({ side, service, redis, port })
      await check(running.at(-1)!, bytes)
      service.pause()
    }
    const labelled = running.map((item) => ({ label: item.side.label, ...item }))
    await bench.interleave(labelled, async ({ side, service, redis, port }) => {
      service.resume()
      const samples: Record<string, Sample> = {}
      for (const item of cases.filter((each) => each.bytes === bytes)) {
        const { rate } = item
        const connections = bench.quick ? FEW : item.connections
        const requests = requestsOf(item, side.routes, keys, bench.quick ? FEW : REQUESTS)
        const window = { port, connections, requests, ...rate === undefined ? {} : { rate } }
        await load.ask({ ...window, seconds: warmupSeconds })
        const redisBefore = await redis?.cpuUs() ?? 0
        await service.ask({ type: 'begin' })
        const result = await load.ask<WindowResult>({ ...window, seconds })
        const cost = await service.ask<{ cpuUs: number; rssBytes: number; loopDelayMs: number }>({ type: 'end' })
        const redisUs = (await redis?.cpuUs() ?? 0) - redisBefore
        if (rate !== undefined && result.requests / result.seconds < rate * 0.95) {
          bench.note(`${item.name}: ${side.label} fell behind: ${Math.round(result.requests / result.seconds)} of ${rate} requests a second`)
        }
        samples[item.name] = {
          cpuUsPerOp: (cost.cpuUs + redisUs) / result.requests,
          opsPerSecond: result.requests / result.seconds,
          p50Us: result.p50Us, p99Us: result.p99Us, p999Us: result.p999Us,
          rssBytes: cost.rssBytes + (await redis?.rssBytes() ?? 0),
          loopDelayMs: cost.loopDelayMs,
        }
      }
      service.pause()
      return samples
    })
    for (const { service, redis } of running) {
      await service.stop()
      await redis?.stop()
    }
  }
  await load.stop()
}
