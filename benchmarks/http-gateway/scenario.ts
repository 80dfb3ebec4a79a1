/**
 * Question   What does the gateway cost, compared with a service over a Map that has the same routes and answers?
 * Workload   autocannon: GET and SET of 64 B, MGET of 50; 100 connections. 10,000 keys.
 * Output     CPU per request, requests a second, p50, p99, p99.9, RSS, delay of the event loop.
 * Yardstick  Fastify over a Map. The gateway's handler in a node:http server shows what reading HTTP earns. A node:net
 *            server that reads nothing and says always the same is the floor: what sockets and autocannon cost, which
 *            no gateway on a JavaScript thread goes below.
 */
import type { Scenario } from '../../apps/benchmark/src/scenario.js'
import { compareHttp, type HttpCase, type HttpSide } from '../http/sides.js'

const sides: HttpSide[] = [
  { label: 'slotwise gateway', store: 'gateway', routes: 'gateway' },
  { label: 'fastify + Map', store: 'fastify', routes: 'gateway' },
  { label: 'handler in node:http', store: 'handler', routes: 'gateway' },
  { label: 'node:net, one answer', store: 'floor', routes: 'gateway' },
]

const cases: HttpCase[] = [
  { name: 'GET 64 B, 100 connections', what: 'get', bytes: 64, connections: 100 },
  { name: 'SET 64 B, 100 connections', what: 'put', bytes: 64, connections: 100 },
  { name: 'MGET of 50, 100 connections', what: 'page', bytes: 64, connections: 100 },
]

export const scenario: Scenario = {
  name: 'http-gateway',
  question: 'What does the gateway cost, compared with a service over a Map that has the same routes and answers?',
  workload: 'autocannon; GET and SET of 64 B, MGET of 50; 100 connections.',
  output: 'CPU per request, requests a second, percentiles, RSS, delay of the event loop',
  yardstick: 'Fastify over a Map',
  goals: [
    { case: 'GET 64 B, 100 connections', metric: 'opsPerSecond', against: 'fastify + Map', must: 2, aim: 2.5 },
    { case: 'GET 64 B, 100 connections', metric: 'cpuUsPerOp', against: 'fastify + Map', must: 0.5, aim: 0.4 },
  ],
  run: (bench) => compareHttp(bench, sides, bench.quick ? cases.slice(0, 1) : cases),
}
