/**
 * The plan of a cluster on one machine: which ports, who is a primary of which slots, who follows whom. Pure.
 * Ports are consecutive; primaries come first, and replicas are dealt to them in turn, as redis-cli does.
 */
import { UsageError } from '../user-error.js'

const SLOT_COUNT = 16_384
/** The bus is that much above the port. */
const BUS_OFFSET = 10_000
const NODES_MAX = 1000

export interface PlannedNode {
  readonly port: number
  /** First and last slot of a primary. */
  readonly slots: readonly [number, number] | null
  /** Index of the primary that a replica follows. */
  readonly primary: number | null
}

export interface Shape { readonly nodes: number; readonly replicas: number; readonly port: number }

/** @throws {UsageError} */
export function planCluster({ nodes, replicas, port }: Shape): PlannedNode[] {
  if (nodes < 1 || nodes > NODES_MAX) throw new UsageError(`--nodes ${nodes}: expected 1 to ${NODES_MAX}`)
  const primaries = Math.floor(nodes / (replicas + 1))
  if (primaries < 1) throw new UsageError(`${nodes} nodes are too few for ${replicas} replicas of each primary`)
  const last = port + nodes - 1 + BUS_OFFSET
  if (port < 1 || last > 65_535)
    throw new UsageError(`--port ${port}: ${nodes} ports and their buses, ${BUS_OFFSET} above, end at ${last}; the last there is: 65535`)
  const firstSlot = (index: number): number => Math.round(index * SLOT_COUNT / primaries)
  return Array.from({ length: nodes }, (_, index) => ({
    port: port + index,
    slots: index < primaries ? [firstSlot(index), firstSlot(index + 1) - 1] as const : null,
    primary: index < primaries ? null : (index - primaries) % primaries,
  }))
}
