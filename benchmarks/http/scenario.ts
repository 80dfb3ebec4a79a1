/**
 * Question   What does a GET or PUT over HTTP cost, compared with the same store behind a Node server?
 * Workload   autocannon, 100 connections, pipelining 1 and 10, values of 64 B.
 * Output     Server CPU per request, throughput, p50, p99, p99.9.
 * Yardstick  node:http and fastify over a Map. This file keeps the place: the HTTP gateway comes with a later issue.
 */
import type { Scenario } from '../../apps/benchmark/src/scenario.js'

export const scenario: Scenario = {
  name: 'http',
  question: 'What does a GET or PUT over HTTP cost, compared with the same store behind a Node server?',
  workload: 'autocannon, 100 connections, pipelining 1 and 10, values of 64 B.',
  output: 'CPU per request, throughput, percentiles',
  yardstick: 'node:http and fastify over a Map',
  pending: 'the HTTP gateway comes with a later issue',
  run: () => Promise.reject(new Error('there is no HTTP gateway yet')),
}
