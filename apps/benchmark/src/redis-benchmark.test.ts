import { describe, expect, it } from 'vitest'
import { parseRedisBenchmarkCsv } from './redis-benchmark.js'

const heading = '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"'

describe('parseRedisBenchmarkCsv', () => {
  it('reads columns by name, in microseconds, also where a test is called by its arguments', () => {
    const text = `${heading}\n"GET","100000.00","0.2","0.1","0.199","0.3","0.407","9.9"\n"MSET (10 keys)","5","1","1","1","1","2","3"\n`
    expect(parseRedisBenchmarkCsv(text)).toEqual(new Map([
      ['GET', { opsPerSecond: 100_000, p50Us: 199, p99Us: 407 }],
      ['MSET (10 keys)', { opsPerSecond: 5, p50Us: 1000, p99Us: 2000 }],
    ]))
  })

  it('refuses output without a single test', () => {
    expect(() => parseRedisBenchmarkCsv(`${heading}\n`)).toThrow(SyntaxError)
    expect(() => parseRedisBenchmarkCsv('Could not connect')).toThrow(SyntaxError)
  })
})
