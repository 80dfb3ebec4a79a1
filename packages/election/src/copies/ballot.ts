/**
 * Ballots: who may lead a shard's copies. A number and the node that asks under it, so no two nodes ever have the same
 * one, whoever promised it to them. Config epochs would not do: some are taken without anybody's consent (SETSLOT,
 * collisions), and two may be alike for a while.
 * A position says how far a copy's log goes: under which ballot it was last brought in line, and to which offset.
 * Positions are ordered by ballot first: a longer log of an older ballot has an end that nobody acknowledged.
 */
import type { NodeId } from '@slotwise/gossip'

export interface Ballot {
  readonly term: number
  readonly node: NodeId
}

export interface Position {
  readonly log: Ballot
  readonly offset: number
}

export const NO_BALLOT: Ballot = { term: 0, node: '0'.repeat(40) }

export function compareBallots(left: Ballot, right: Ballot): number {
  if (left.term !== right.term) return left.term - right.term
  return left.node < right.node ? -1 : left.node > right.node ? 1 : 0
}

export const sameBallot = (left: Ballot, right: Ballot): boolean => compareBallots(left, right) === 0

export function comparePositions(left: Position, right: Position): number {
  return compareBallots(left.log, right.log) || left.offset - right.offset
}

export const ballotText = ({ term, node }: Ballot): string => `${term}-${node.slice(0, 8)}`
