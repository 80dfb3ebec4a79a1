/**
 * A node as one line of text: CLUSTER NODES, CLUSTER REPLICAS and nodes.conf share it.
 * Source: Redis 7.0, CLUSTER NODES. Elsewhere: the file (nodes-conf.ts).
 */
import { type ClusterNode, type ClusterView, flagsText, rangesIn, rangeText } from '@slotwise/gossip'

export function nodeLine(view: ClusterView, node: ClusterNode): string {
  const { options } = view
  const mine = node.isMyself
  const port = mine ? options.port : node.port
  const busPort = mine ? options.busPort : node.busPort
  const hostname = mine ? options.announceHostname : node.hostname
  const fields = [
    node.id,
    `${mine ? ownIp(view) : node.ip}:${port}@${busPort}${hostname === '' ? '' : `,${hostname}`}`,
    flagsText(node.flags),
    node.primary?.id ?? '-',
    Math.floor(node.pingSentAt),
    Math.floor(node.pongAt),
    node.shardPrimary.configEpoch,
    mine || node.link?.open === true ? 'connected' : 'disconnected',
    ...(node.isPrimary && node.slotCount > 0 ? [slotsText(view, node)] : []),
    ...(mine ? openSlots(view) : []),
  ]
  return fields.join(' ')
}

/** Written anew only when slots have moved: nodes.conf is written for every vote. */
const texts = new WeakMap<ClusterNode, { version: number; text: string }>()

function slotsText(view: ClusterView, node: ClusterNode): string {
  const kept = texts.get(node)
  if (kept?.version === node.slotsVersion) return kept.text
  const text = rangesIn(view.bitmap(node)).map(rangeText).join(' ')
  texts.set(node, { version: node.slotsVersion, text })
  return text
}

export const ownIp = (view: ClusterView): string => view.options.announceIp === '' ? view.self.ip : view.options.announceIp

function openSlots(view: ClusterView): string[] {
  const marks = [
    ...[...view.migrating].map(([slot, node]) => ({ slot, text: `[${slot}->-${node.id}]` })),
    ...[...view.importing].map(([slot, node]) => ({ slot, text: `[${slot}-<-${node.id}]` })),
  ]
  return marks.sort((left, right) => left.slot - right.slot).map(({ text }) => text)
}
