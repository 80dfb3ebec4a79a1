/**
 * What a node is started with, and how a ServerConfig becomes that. Plain data: it crosses to the control thread.
 */
import type { ServerConfig } from '@slotwise/config'

export interface NodeOptions {
  /** Other threads of the process attach to the engine by any of these names. */
  readonly names: readonly string[]
  /** [directive, value], each value as CONFIG GET prints it; and ['user', name, ...rules] for each declared user. */
  readonly directives: readonly (readonly string[])[]
  /** rename-command: [from, to]; an empty `to` takes the command away. */
  readonly renames: readonly (readonly [from: string, to: string])[]
  /** What CONFIG REWRITE writes to; '' for nothing. */
  readonly configFile: string
  /** appendonly. */
  readonly persistent: boolean
  /** standby: wait while another process has this directory; '' to refuse at once. */
  readonly standbyDir: string
  /** cluster-enabled. */
  readonly cluster: boolean
  /** With port 0, listen on a port that the system chooses instead of on none. */
  readonly anyPort: boolean
}

/**
 * @param config  as loaded
 * @param also  what the configuration does not say
 * @param also.dir  the absolute directory that `.` means. @default process.cwd()
 */
export function nodeOptionsOf(
  config: ServerConfig, also: { names?: readonly string[]; dir?: string; anyPort?: boolean } = {},
): NodeOptions {
  const dir = config.get('dir') === '.' ? also.dir ?? process.cwd() : config.get('dir')
  return {
    names: also.names ?? [],
    directives: [
      ...config.entries().filter(([name]) => name !== 'dir'), ['dir', dir],
      ...config.users.map(({ name, rules }) => ['user', name, ...rules]),
    ],
    renames: config.renamedCommands.map(({ from, to }) => [from, to] as const),
    configFile: config.file ?? '',
    persistent: config.bool('appendonly'),
    standbyDir: config.bool('appendonly') && config.get('standby') === 'yes' ? dir : '',
    cluster: config.bool('cluster-enabled'),
    anyPort: also.anyPort ?? false,
  }
}
