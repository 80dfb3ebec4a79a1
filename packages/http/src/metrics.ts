/**
 * Metrics: what `/metrics` shows, for Prometheus. Of the server under the names that redis_exporter gives them, read
 * from INFO when somebody asks, so that dashboards for Redis work; of the gateway and its thread under slotwise_http_
 * and Node's own names.
 * Source: redis_exporter's list of metrics; Prometheus naming.
 */
import type { Engine } from '@slotwise/engine'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { infoOf } from './node-facts.js'

/** Upper bounds of the durations' buckets, in seconds. */
const BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1, 10]

/** [metric, field of INFO, kind, help] */
const FIELDS: readonly (readonly [string, string, 'gauge' | 'counter', string])[] = [
  ['redis_uptime_in_seconds', 'uptime_in_seconds', 'gauge', 'Seconds since the start'],
  ['redis_connected_clients', 'connected_clients', 'gauge', 'Clients on the sockets'],
  ['redis_blocked_clients', 'blocked_clients', 'gauge', 'Clients that wait for a key'],
  ['redis_memory_used_bytes', 'used_memory', 'gauge', 'Bytes allocated for data'],
  ['redis_memory_used_rss_bytes', 'used_memory_rss', 'gauge', 'Resident bytes of the process'],
  ['redis_memory_used_peak_bytes', 'used_memory_peak', 'gauge', 'The most bytes ever allocated'],
  ['redis_memory_max_bytes', 'maxmemory', 'gauge', 'maxmemory'],
  ['redis_connections_received_total', 'total_connections_received', 'counter', 'Connections accepted'],
  ['redis_commands_processed_total', 'total_commands_processed', 'counter', 'Commands run'],
  ['redis_instantaneous_ops_per_sec', 'instantaneous_ops_per_sec', 'gauge', 'Commands a second'],
  ['redis_net_input_bytes_total', 'total_net_input_bytes', 'counter', 'Bytes read from the sockets'],
  ['redis_net_output_bytes_total', 'total_net_output_bytes', 'counter', 'Bytes written to the sockets'],
  ['redis_rejected_connections_total', 'rejected_connections', 'counter', 'Connections over maxclients'],
  ['redis_expired_keys_total', 'expired_keys', 'counter', 'Keys whose time was over'],
  ['redis_evicted_keys_total', 'evicted_keys', 'counter', 'Keys that memory was needed for'],
  ['redis_keyspace_hits_total', 'keyspace_hits', 'counter', 'Lookups that found a key'],
  ['redis_keyspace_misses_total', 'keyspace_misses', 'counter', 'Lookups that found none'],
  ['redis_pubsub_channels', 'pubsub_channels', 'gauge', 'Channels with subscribers'],
  ['redis_pubsub_patterns', 'pubsub_patterns', 'gauge', 'Patterns with subscribers'],
  ['redis_rdb_changes_since_last_save', 'rdb_changes_since_last_save', 'gauge', 'Changes since the last snapshot'],
  ['redis_rdb_last_save_timestamp_seconds', 'rdb_last_save_time', 'gauge', 'Unix time of the last snapshot'],
  ['redis_aof_enabled', 'aof_enabled', 'gauge', 'Whether there is an append-only file'],
  ['redis_aof_current_size_bytes', 'aof_current_size', 'gauge', 'Bytes of the append-only file'],
  ['redis_loading_dump_file', 'loading', 'gauge', 'Whether data is being loaded'],
  ['redis_connected_slaves', 'connected_slaves', 'gauge', 'Replicas'],
  ['redis_master_repl_offset', 'master_repl_offset', 'gauge', 'Replication offset'],
  ['redis_cpu_user_seconds_total', 'used_cpu_user', 'counter', 'CPU of the process in user mode'],
  ['redis_cpu_sys_seconds_total', 'used_cpu_sys', 'counter', 'CPU of the process in the kernel'],
  ['redis_cluster_enabled', 'cluster_enabled', 'gauge', 'Whether this is a node of a cluster'],
]

export class Metrics {
  /** Open connections. */
  connections = 0
  readonly #registry = new Registry()
  readonly #durations: Histogram
  readonly #byStatus = new Map<number, number>()
  #info = new Map<string, string>()

  constructor() {
    const registers = [this.#registry]
    collectDefaultMetrics({ register: this.#registry })
    for (const [name, field, kind, help] of FIELDS) this.#field(name, field, kind, help)
    this.#durations = new Histogram({
      name: 'slotwise_http_request_duration_seconds', help: 'From the last byte of a request to its answer', buckets: BUCKETS, registers,
    })
    new Gauge({ name: 'redis_up', help: 'Whether the server answers', registers, collect() { this.set(1) } })
    this.#keyspace()
    this.#commands()
    this.#requests()
  }

  answered(status: number, ms: number): void {
    this.#byStatus.set(status, (this.#byStatus.get(status) ?? 0) + 1)
    this.#durations.observe(ms / 1000)
  }

  /** The page, and its type. */
  async page(engine: Engine): Promise<{ type: string; body: string }> {
    const text = infoOf(engine, 'all')
    this.#info = new Map(text.split('\r\n').flatMap((line) => {
      const colon = line.indexOf(':')
      return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1)] as const]
    }))
    return { type: this.#registry.contentType, body: await this.#registry.metrics() }
  }

  #field(name: string, field: string, kind: 'gauge' | 'counter', help: string): void {
    const number = (): number | null => {
      const value = Number(this.#info.get(field) ?? NaN)
      return Number.isFinite(value) ? value : null
    }
    const registers = [this.#registry]
    if (kind === 'gauge') {
      new Gauge({ name, help, registers, collect() {
        const value = number()
        if (value !== null) this.set(value)
      } })
    } else {
      new Counter({ name, help, registers, collect() {
        const value = number()
        this.reset()
        if (value !== null && value >= 0) this.inc(value)
      } })
    }
  }

  /** db0:keys=2,expires=1,avg_ttl=0 */
  #keyspace(): void {
    const fields = (field: string): [string, number][] => [...this.#info].flatMap(([name, value]) => {
      const number = new RegExp(`(?:^|,)${field}=(\\d+)`).exec(value)?.[1]
      return /^db\d+$/.test(name) && number !== undefined ? [[name, Number(number)]] : []
    })
    for (const [name, field, help] of [['redis_db_keys', 'keys', 'Keys'], ['redis_db_keys_expiring', 'expires', 'Keys with an expiry']] as const) {
      new Gauge({ name, help, labelNames: ['db'], registers: [this.#registry], collect() {
        this.reset()
        for (const [db, number] of fields(field)) this.set({ db }, number)
      } })
    }
  }

  /** cmdstat_get:calls=1,usec=2,usec_per_call=2.00,rejected_calls=0,failed_calls=0 */
  #commands(): void {
    const fields = (field: string): [string, number][] => [...this.#info].flatMap(([name, value]) => {
      const number = new RegExp(`(?:^|,)${field}=([\\d.]+)`).exec(value)?.[1]
      return name.startsWith('cmdstat_') && number !== undefined ? [[name.slice(8), Number(number)]] : []
    })
    const metrics = [
      ['redis_commands_total', 'calls', 1, 'Calls of a command'],
      ['redis_commands_duration_seconds_total', 'usec', 1e-6, 'Time that its calls took'],
      ['redis_commands_failed_calls_total', 'failed_calls', 1, 'Calls that failed'],
      ['redis_commands_rejected_calls_total', 'rejected_calls', 1, 'Calls that were refused'],
    ] as const
    for (const [name, field, factor, help] of metrics) {
      new Counter({ name, help, labelNames: ['cmd'], registers: [this.#registry], collect() {
        this.reset()
        for (const [cmd, number] of fields(field)) this.inc({ cmd }, number * factor)
      } })
    }
  }

  #requests(): void {
    const registers = [this.#registry]
    const byStatus = this.#byStatus
    const connections = (): number => this.connections
    const info = (name: string): string => this.#info.get(name) ?? ''
    new Counter({ name: 'slotwise_http_requests_total', help: 'Requests answered', labelNames: ['code'], registers, collect() {
      this.reset()
      for (const [code, count] of byStatus) this.inc({ code }, count)
    } })
    new Gauge({ name: 'slotwise_http_connections', help: 'Open connections', registers, collect() { this.set(connections()) } })
    const labelNames = ['role', 'redis_version', 'redis_mode', 'slotwise_version']
    new Gauge({ name: 'redis_instance_info', help: 'What the server is', labelNames, registers, collect() {
      this.reset()
      this.set(Object.fromEntries(labelNames.map((name) => [name, info(name)])), 1)
    } })
  }
}
