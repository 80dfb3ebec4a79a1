/** Redis's cluster directives, as CONFIG GET tells them, for the machine and its driver. */
import { type ClusterOptions, defaultOptions } from '@slotwise/cluster'
import type { EndpointType } from './slot-map-of.js'

export interface ClusterConfig {
  readonly machine: ClusterOptions
  readonly endpointType: EndpointType
  readonly linkSendBufferLimit: number
  /** Why what repl-ack promises cannot be kept with these directives, or empty. */
  readonly promiseWhy: string
}

/** Replica pings and the bus port of `port`, where the directive says 0. */
const BUS_PORT_OFFSET = 10_000

/**
 * @param get  the value of a directive, as CONFIG GET has it
 * @param clientPort  where clients are really answered
 */
export function clusterConfig(get: (name: string) => string, clientPort: number): ClusterConfig {
  const int = (name: string): number => Number(get(name))
  const yes = (name: string): boolean => get(name) === 'yes'
  const busPort = int('cluster-port') || clientPort + BUS_PORT_OFFSET
  return {
    machine: {
      ...defaultOptions,
      nodeTimeoutMs: int('cluster-node-timeout'),
      replicaValidityFactor: int('cluster-replica-validity-factor'),
      migrationBarrier: int('cluster-migration-barrier'),
      allowReplicaMigration: yes('cluster-allow-replica-migration'),
      replicaNoFailover: yes('cluster-replica-no-failover'),
      requireFullCoverage: yes('cluster-require-full-coverage'),
      replicaPingPeriodMs: int('repl-ping-replica-period') * 1000,
      port: int('cluster-announce-port') || clientPort,
      busPort: int('cluster-announce-bus-port') || busPort,
      announceIp: get('cluster-announce-ip'),
      announceHostname: get('cluster-announce-hostname'),
      ackReplicas: ackReplicas(get),
    },
    endpointType: get('cluster-preferred-endpoint-type') as EndpointType,
    linkSendBufferLimit: int('cluster-link-sendbuf-limit'),
    promiseWhy: get('repl-ack') === 'quorum' && !(yes('appendonly') && get('appendfsync') === 'always')
      ? 'repl-ack quorum needs appendonly yes and appendfsync always' : '',
  }
}

/** Fsynced by a majority, or, with strict semi-sync, received by so many; elections keep it. */
function ackReplicas(get: (name: string) => string): number | null {
  if (get('repl-ack') === 'quorum') return 0
  const semiSync = get('repl-ack') === 'semisync' || get('repl-semi-sync') === 'yes'
  return semiSync && get('repl-semi-sync-strict') === 'yes' ? Number(get('repl-semi-sync-acks')) : null
}

export const busPortOf = (get: (name: string) => string, clientPort: number): number =>
  Number(get('cluster-port')) || clientPort + BUS_PORT_OFFSET
