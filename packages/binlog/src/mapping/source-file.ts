/**
 * SourceFile: a mapping with the source that it is about, in one file: what a server is told with `mysql-source`. The
 * password is not in it unless somebody writes it into a URL: it comes from a file of its own, or the environment.
 */
import { list, Mapping, mappingDocument, record, text, type TableMappingOptions, word } from './mapping.js'

export interface SourceSettings {
  /** `mysql://user@host:port`; the next one by GTID. */
  readonly urls: readonly string[]
  /** Of the follower: its position is kept under it. */
  readonly name: string
  /** Unique among the replicas of the source. */
  readonly serverId: number
  readonly start: 'snapshot' | 'now' | 'oldest'
  readonly tls: 'preferred' | 'off' | 'required'
  /** Certificates to trust; '' for those of the system. */
  readonly tlsCa: string
  /** '' for none. */
  readonly passwordFile: string
  readonly semiSync: boolean
  readonly missingCascades: 'stop' | 'warn'
  readonly onPurged: 'stop' | 'snapshot'
}

const WORDS = [
  'urls', 'name', 'serverId', 'start', 'tls', 'tlsCa', 'passwordFile', 'semiSync', 'missingCascades', 'onPurged',
] as const satisfies (keyof SourceSettings)[]
const SERVER_ID_MAX = 2 ** 32 - 1

/** @returns the mapping, and the source, null if the text has none @throws {TypeError} with what is wrong and where */
export function parseSourceFile(source: string): { mapping: Mapping; source: SourceSettings | null } {
  const document = mappingDocument(source)
  const mapping = new Mapping(document as unknown as { tables: TableMappingOptions[] })
  return { mapping, source: document.source === undefined ? null : readSettings(record(document.source, 'source', WORDS)) }
}

function readSettings(item: Record<string, unknown>): SourceSettings {
  const urls = list(item.urls, 'source.urls').map((url) => text(url, 'source.urls'))
  if (urls.length === 0) throw new TypeError('source.urls: at least one is needed')
  const name = item.name === undefined ? 'mysql' : text(item.name, 'source.name')
  if (!/^[\w.-]{1,64}$/.test(name)) throw new TypeError('source.name: expected up to 64 letters, digits, \'.\', \'_\', \'-\'')
  const { serverId = serverIdOf(name), semiSync = false } = item
  if (!Number.isSafeInteger(serverId) || (serverId as number) < 1 || (serverId as number) > SERVER_ID_MAX) {
    throw new TypeError(`source.serverId: expected a whole number from 1 to ${SERVER_ID_MAX}`)
  }
  if (typeof semiSync !== 'boolean') throw new TypeError('source.semiSync: expected true or false')
  return {
    urls, name, serverId: serverId as number, semiSync,
    start: word(item.start, 'source.start', ['snapshot', 'now', 'oldest']),
    tls: word(item.tls, 'source.tls', ['preferred', 'off', 'required']),
    tlsCa: item.tlsCa === undefined ? '' : text(item.tlsCa, 'source.tlsCa'),
    passwordFile: item.passwordFile === undefined ? '' : text(item.passwordFile, 'source.passwordFile'),
    missingCascades: word(item.missingCascades, 'source.missingCascades', ['stop', 'warn']),
    onPurged: word(item.onPurged, 'source.onPurged', ['stop', 'snapshot']),
  }
}

/** The number is stable, and rarely that of another follower; two of one name would share a position anyway. */
export function serverIdOf(name: string): number {
  let hash = 0x811c9dc5
  for (const char of Buffer.from(`slotwise ${name}`)) hash = Math.imul(hash ^ char, 0x01000193) >>> 0
  return 2 ** 31 + hash % 2 ** 31
}
