/**
 * The load: autocannon in a process of its own, a window each time it is asked. Latencies are taken from each response
 * in microseconds, since autocannon's own histogram has milliseconds. An answer that is not 2xx fails the window.
 * At a fixed rate they are corrected for what the load did not send while it waited: an answer that took n intervals of
 * its connection counts as n requests that waited ever shorter, not as one (coordinated omission). autocannon's own
 * correction has another interval, 1 ms whatever the rate.
 */
const load = (module: string): Promise<unknown> => import(module)

interface Histogram {
  recordValue(value: number): void
  recordValueWithExpectedInterval(value: number, interval: number): void
  getValueAtPercentile(percentile: number): number
}
interface Run extends Promise<{ duration: number; non2xx: number; errors: number; timeouts: number; '2xx': number }> {
  on(event: 'response', listener: (client: unknown, status: number, bytes: number, ms: number) => void): void
}

export interface Window {
  port: number
  seconds: number
  connections: number
  /** Requests a second of all connections together. */
  rate?: number
  requests: readonly { method: string; path: string; body?: string; headers?: Record<string, string> }[]
}
export interface WindowResult { requests: number; seconds: number; p50Us: number; p99Us: number; p999Us: number }

const autocannon = (await load('autocannon') as { default: (options: object) => Run }).default
const { build } = await load('hdr-histogram-js') as { build: (options: object) => Histogram }

async function run({ port, seconds, connections, rate, requests }: Window): Promise<WindowResult> {
  const range = { lowestDiscernibleValue: 1, highestTrackableValue: 120_000_000 }
  const latencies = build({ ...range, numberOfSignificantValueDigits: 3 })
  const running = autocannon({
    url: `http://127.0.0.1:${port}`, connections, duration: seconds, requests, timeout: 60,
    ...rate === undefined ? {} : { overallRate: rate },
  })
  const intervalUs = rate === undefined ? 0 : Math.round(1e6 * connections / rate)
  running.on('response', (_client, _status, _bytes, ms) => {
    const us = Math.max(1, Math.round(ms * 1000))
    if (intervalUs > 0) latencies.recordValueWithExpectedInterval(us, intervalUs)
    else latencies.recordValue(us)
  })
  const result = await running
  if (result.non2xx + result.errors + result.timeouts > 0) {
    throw new Error(`${result.non2xx} answers were not 2xx, ${result.errors} errors, ${result.timeouts} time-outs`)
  }
  const at = (percentile: number): number => latencies.getValueAtPercentile(percentile)
  return { requests: result['2xx'], seconds: result.duration, p50Us: at(50), p99Us: at(99), p999Us: at(99.9) }
}

process.on('message', (question: Window) => {
  run(question).then((result) => process.send!(result), (error: unknown) => process.send!({ error: String(error) }))
})
