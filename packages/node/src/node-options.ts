/**
 * What a node is started with, and how a ServerConfig becomes that. Plain data: it crosses to the control thread.
 */
import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import { findDirective, type ServerConfig } from '@slotwise/config'
import type { GatewayThreadOptions } from '@slotwise/http'

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
  /** http-port and what belongs to it; null for no gateway. */
  readonly http: GatewayThreadOptions | null
  /** binlog-retention-bytes and -seconds; 0: no limit. */
  readonly binlogRetention: { readonly bytes: number; readonly seconds: number }
  /** mysql-source: the absolute path of the file; '' for none. */
  readonly mysqlSource: string
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
  const http = config.int('http-port') !== 0
  // The gateway's thread attaches by a name.
  const names = also.names ?? (http ? [`node:${randomUUID()}`] : [])
  return {
    names,
    directives: [
      ...config.entries().filter(([name]) => name !== 'dir' && findDirective(name)?.outsideEngine !== true), ['dir', dir],
      ...config.users.map(({ name, rules }) => ['user', name, ...rules]),
    ],
    renames: config.renamedCommands.map(({ from, to }) => [from, to] as const),
    configFile: config.file ?? '',
    persistent: config.bool('appendonly'),
    standbyDir: config.bool('appendonly') && config.get('standby') === 'yes' ? dir : '',
    cluster: config.bool('cluster-enabled'),
    anyPort: also.anyPort ?? false,
    http: http ? gatewayOptionsOf(config, names, dir) : null,
    binlogRetention: { bytes: config.int('binlog-retention-bytes'), seconds: config.int('binlog-retention-seconds') },
    mysqlSource: config.get('mysql-source') === '' ? '' : resolve(dir, config.get('mysql-source')),
  }
}

function gatewayOptionsOf(config: ServerConfig, engineNames: readonly string[], dir: string): GatewayThreadOptions {
  const tokenFile = config.get('http-token-file')
  return {
    engineNames,
    hosts: config.words('http-bind'),
    port: config.int('http-port'),
    token: config.get('http-token'),
    tokenFile: tokenFile === '' ? '' : resolve(dir, tokenFile),
    limits: {
      bodyBytesMax: config.int('http-max-body-bytes'),
      // Sixteen of the longest at a time.
      bodiesBytesMax: config.int('http-max-body-bytes') * 16,
      replyBytesMax: config.int('http-max-reply-bytes'),
      connectionsMax: config.int('http-max-connections'),
      streamsMax: config.int('http-max-streams'),
      headersTimeoutMs: config.int('http-headers-timeout'),
      requestTimeoutMs: config.int('http-request-timeout'),
      keepAliveTimeoutMs: config.int('http-keepalive-timeout'),
    },
  }
}
