/**
 * redis-benchmark: the tool everybody knows, for the standard tests. From pipeline 16 on it needs more CPU than a fast
 * server, so throughput is then its own; the server's CPU per operation stays true. It prints no p99.9.
 */
import { outputOf } from './kvload.js'
import type { RedisBenchmarkOptions, Sample } from './scenario.js'
import { pinTo } from './server-process.js'

/** Rows of `redis-benchmark --csv`, by test name. Columns are found by their heading. @throws {SyntaxError} */
export function parseRedisBenchmarkCsv(text: string): Map<string, Sample> {
  const rows = text.trim().split('\n').filter((line) => line.startsWith('"')).map((line) => JSON.parse(`[${line}]`) as string[])
  const [heading, ...tests] = rows
  if (heading === undefined || tests.length === 0) {
    throw new SyntaxError(`expected the CSV of redis-benchmark, found '${text.slice(0, 80)}'`)
  }
  const column = (row: string[], name: string): number => Number(row[heading.indexOf(name)])
  return new Map(tests.map((row) => [row[0]!, {
    opsPerSecond: column(row, 'rps'),
    p50Us: column(row, 'p50_latency_ms') * 1000,
    p99Us: column(row, 'p99_latency_ms') * 1000,
  }]))
}

/** One test; throughput and latency only. The caller reads the server's CPU around it. */
export async function runRedisBenchmark(port: number, options: RedisBenchmarkOptions, cores?: string): Promise<Sample> {
  const what = typeof options.test === 'string' ? ['-t', options.test] : options.test
  const args = [
    '-h', '127.0.0.1', '-p', String(port), '-n', String(options.requests), '-c', String(options.connections),
    '-P', String(options.pipeline), '-d', String(options.valueBytes), '-r', String(options.keys), '--csv', ...what,
  ]
  const [program, ...rest] = [...pinTo(cores), 'redis-benchmark', ...args]
  const [sample] = parseRedisBenchmarkCsv(await outputOf(program!, rest)).values()
  return sample!
}
