/** CLUSTER NODES and CLUSTER INFO as plain data. Source: Redis Cluster documentation, CLUSTER NODES. */

export interface NodeRow {
  readonly id: string
  readonly host: string
  readonly port: number
  readonly busPort: number
  readonly isMyself: boolean
  readonly isReplica: boolean
  /** It failed, is suspected, or is not known yet: it cannot be asked for anything. */
  readonly isAbsent: boolean
  /** Of a replica: its primary's id; else ''. */
  readonly primary: string
  /** Runs of slots, both ends included; open ones are left out. */
  readonly slots: readonly (readonly [first: number, last: number])[]
}

export function nodeRows(text: string): NodeRow[] {
  return text.trim().split('\n').map((line) => {
    const [id = '', address = '', flagText = '', primary = '', , , , , ...slots] = line.split(' ')
    const [, host = '', port = '0', busPort = '0'] = /^(.*):(\d+)@(\d+)/.exec(address) ?? []
    const flags = flagText.split(',')
    return {
      id, host, port: Number(port), busPort: Number(busPort),
      isMyself: flags.includes('myself'),
      isReplica: flags.includes('slave'),
      isAbsent: ['fail', 'fail?', 'handshake', 'noaddr'].some((flag) => flags.includes(flag)),
      primary: primary === '-' ? '' : primary,
      slots: slots.filter((run) => !run.startsWith('[')).map((run) => {
        const [first, last = first] = run.split('-')
        return [Number(first), Number(last)] as const
      }),
    }
  })
}

export const slotCountOf = ({ slots }: NodeRow): number =>
  slots.reduce((sum, [first, last]) => sum + last - first + 1, 0)

export const slotsOf = ({ slots }: NodeRow): number[] =>
  slots.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, index) => first + index))

/** A line of CLUSTER INFO or INFO. */
export const fieldOf = (info: string, name: string): string | undefined =>
  new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1]
