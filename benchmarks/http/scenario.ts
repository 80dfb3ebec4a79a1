/**
 * Question   What does a store cost a small Node service that answers HTTP?
 * Workload   autocannon on one core, the service on the other: GET and PUT of 64 B and 4 KiB, a page of 50 values;
 *            10, 100 and 500 connections, and 2,000 and 6,000 requests a second (latencies corrected). 10,000 keys.
 * Output     CPU per request (redis-server's included), requests a second, p50, p99, p99.9, RSS, delay of the loop.
 * Yardstick  ioredis to redis-server on loopback, on the service's core; lmdb without fsync; a Map is the floor. The
 *            gateway is no service in front of a store but answers itself.
 */
import type { Scenario } from '../../apps/benchmark/src/scenario.js'
import { compareHttp, type HttpCase, type HttpSide } from './sides.js'

const sides: HttpSide[] = [
  { label: 'slotwise embedded', store: 'slotwise', routes: 'service' },
  { label: 'ioredis', store: 'ioredis', routes: 'service' },
  { label: 'lmdb', store: 'lmdb', routes: 'service' },
  { label: 'map', store: 'map', routes: 'service' },
  { label: 'gateway', store: 'gateway', routes: 'gateway' },
]
const autoPipelining: HttpSide = { label: 'ioredis, auto-pipelining', store: 'pipelining', routes: 'service' }

const cases: HttpCase[] = [
  { name: 'GET 64 B, 100 connections', what: 'get', bytes: 64, connections: 100 },
  { name: 'PUT 64 B, 100 connections', what: 'put', bytes: 64, connections: 100 },
  { name: 'page of 50, 100 connections', what: 'page', bytes: 64, connections: 100 },
  { name: 'GET 64 B, 10 connections', what: 'get', bytes: 64, connections: 10 },
  { name: 'GET 64 B, 500 connections', what: 'get', bytes: 64, connections: 500 },
  { name: 'GET 64 B, 2000 a second', what: 'get', bytes: 64, connections: 100, rate: 2000 },
  { name: 'GET 64 B, 6000 a second', what: 'get', bytes: 64, connections: 100, rate: 6000 },
  { name: 'GET 4 KiB, 100 connections', what: 'get', bytes: 4096, connections: 100 },
  { name: 'PUT 4 KiB, 100 connections', what: 'put', bytes: 4096, connections: 100 },
]

export const scenario: Scenario = {
  name: 'http',
  question: 'What does a store cost a small Node service that answers HTTP?',
  workload: 'autocannon; GET and PUT of 64 B and 4 KiB, a page of 50 values; 10 to 500 connections, fixed rates. redis-server shares the service\'s core.',
  output: 'CPU per request, requests a second, percentiles, RSS, delay of the event loop',
  yardstick: 'ioredis to redis-server on loopback; lmdb; a Map is the floor',
  goals: [
    { case: 'GET 64 B, 100 connections', metric: 'opsPerSecond', against: 'ioredis', must: 1.8, aim: 2 },
    { case: 'GET 64 B, 100 connections', metric: 'p99Us', against: 'ioredis', must: 0.5, aim: 0.4 },
  ],
  run: (bench) => bench.quick
    ? compareHttp(bench, sides, cases.slice(0, 3))
    : compareHttp(bench, [...sides, autoPipelining], cases),
}
