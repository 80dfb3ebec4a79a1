/**
 * What `slotwise cluster status` shows, from what nodes answer: CLUSTER NODES of one, INFO of each. Pure: lines in,
 * lines out; asking is status.ts.
 */
export interface Member {
  readonly id: string
  /** HOST:PORT. */
  readonly address: string
  readonly flags: readonly string[]
  readonly primaryId: string | null
  readonly epoch: number
  readonly slots: readonly string[]
}

/** INFO of a member; null if it does not answer. */
export type Answer = ReadonlyMap<string, string> | null

/** Lines of CLUSTER NODES: id, address, flags, primary, ping, pong, epoch, link, slots; anything else is left out. */
export function parseNodes(text: string): Member[] {
  return text.split('\n').flatMap((line) => {
    const [id = '', address = '', flags = '', primaryId = '', , , epoch = '', , ...slots] = line.trim().split(' ')
    if (!/^[0-9a-f]{40}$/.test(id)) return []
    return [{
      id, address: address.replace(/@.*$/, ''), flags: flags.split(','), epoch: Number(epoch),
      primaryId: primaryId === '-' ? null : primaryId, slots: slots.filter((range) => !range.startsWith('[')),
    }]
  })
}

export const slotCount = ({ slots }: Member): number => slots.reduce((count, range) => {
  const [first = 0, last = first] = range.split('-').map(Number)
  return count + last - first + 1
}, 0)

const COLUMNS = ['node', 'role', 'slots', 'keys', 'memory', 'clients', 'ops/s', 'state'] as const
const RIGHT = new Set(['keys', 'memory', 'clients', 'ops/s'])

/** A heading, then each primary with its replicas below it. */
export function renderStatus(
  info: ReadonlyMap<string, string>, members: readonly Member[], answers: ReadonlyMap<string, Answer>,
): string {
  const primaries = members.filter(({ primaryId }) => primaryId === null)
    .toSorted((a, b) => firstSlot(a) - firstSlot(b))
  const rows = primaries.flatMap((primary) => [
    row(primary, answers, null),
    ...members.filter(({ primaryId }) => primaryId === primary.id)
      .toSorted((a, b) => a.address < b.address ? -1 : 1).map((replica) => row(replica, answers, primary)),
  ])
  const orphans = members.filter(({ primaryId }) => primaryId !== null && !primaries.some(({ id }) => id === primaryId))
  const table = [[...COLUMNS], ...rows, ...orphans.map((orphan) => row(orphan, answers, null))]
  const widths = COLUMNS.map((_, column) => Math.max(...table.map((cells) => cells[column]!.length)))
  const lines = table.map((cells) => cells.map((cell, column) =>
    RIGHT.has(COLUMNS[column]!) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)).join('  ').trimEnd())
  const state = info.get('cluster_state') ?? '?'
  const reason = info.get('cluster_state_reason') ?? ''
  const heading = `cluster ${state}${state === 'ok' || reason === '' ? '' : ` (${reason})`}, ${members.length} nodes, ` +
    `${info.get('cluster_slots_ok') ?? '?'} of 16384 slots served, epoch ${info.get('cluster_current_epoch') ?? '?'}`
  return [heading, '', ...lines].join('\n')
}

const firstSlot = ({ slots }: Member): number => Number(/^\d+/.exec(slots[0] ?? '')?.[0] ?? Infinity)

function row(member: Member, answers: ReadonlyMap<string, Answer>, primary: Member | null): string[] {
  const answer = answers.get(member.address) ?? null
  const isReplica = member.primaryId !== null
  const field = (name: string): string => answer?.get(name) ?? '-'
  const slots = member.slots.length <= 2 ? member.slots.join(' ') : `${slotCount(member)} in ${member.slots.length} ranges`
  return [
    isReplica && primary !== null ? `  ${member.address}` : member.address, isReplica ? 'replica' : 'primary', slots,
    /keys=(\d+)/.exec(field('db0'))?.[1] ?? (answer === null ? '-' : '0'), field('used_memory_human'),
    field('connected_clients'), field('instantaneous_ops_per_sec'), stateOf(member, answer, primary, answers),
  ]
}

function stateOf(member: Member, answer: Answer, primary: Member | null, answers: ReadonlyMap<string, Answer>): string {
  if (member.flags.includes('fail')) return 'FAIL'
  if (member.flags.includes('fail?')) return 'PFAIL: suspected'
  if (answer === null) return 'does not answer'
  if (member.primaryId === null) return 'ok'
  if (answer.get('master_link_status') !== 'up') return 'link to its primary is down'
  const ahead = Number(answers.get(primary?.address ?? '')?.get('master_repl_offset'))
  const behind = ahead - Number(answer.get('slave_repl_offset'))
  return Number.isNaN(behind) ? 'ok' : `ok, ${Math.max(0, behind)} bytes behind`
}
