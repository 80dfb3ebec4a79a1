/** A target by its URL: `redis://host:port`, `rediss://…`, several nodes of a cluster with commas between them. */
import { ClusterTarget } from './cluster-target.js'
import { RespConnection, type RespOptions } from './resp-connection.js'
import { isCluster, RespTarget } from './resp-target.js'

export interface TargetAddress extends Omit<RespOptions, 'host' | 'port'> { nodes: { host: string; port: number }[] }

/** @throws {TypeError} */
export function parseTarget(url: string): TargetAddress {
  const match = /^(rediss?):\/\/(?:([^@/]*)@)?([^/?#]+)(?:\/(\d+)?)?$/.exec(url)
  if (match === null) throw new TypeError('expected redis://[user:password@]host[:port][,host:port…][/database]')
  const [, scheme, login, hosts = '', database] = match
  const nodes = hosts.split(',').map((text) => {
    const found = /^(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(text)
    const port = Number(found?.[2] ?? 6379)
    if (found === null || port === 0 || port > 65_535) throw new TypeError(`'${text}' is no host:port`)
    return { host: found[1]!.replace(/^\[|\]$/g, ''), port }
  })
  const colon = login?.indexOf(':') ?? -1
  const username = login === undefined ? '' : decodeURIComponent(colon < 0 ? login : login.slice(0, colon))
  const password = colon < 0 ? undefined : decodeURIComponent(login!.slice(colon + 1))
  return {
    nodes, ...(username === '' ? {} : { username }), ...(password === undefined ? {} : { password }), ...(scheme === 'rediss' ? { tls: true } : {}),
    ...(database === undefined ? {} : { database: Number(database) }),
  }
}

/** Connects, and finds out whether it is a cluster. @throws as RespTarget.connect and ClusterTarget.connect */
export async function openTarget({ nodes, ...common }: TargetAddress): Promise<RespTarget | ClusterTarget> {
  let last: unknown = new TypeError('at least one node is needed')
  for (const address of nodes) {
    try {
      const probe = await RespConnection.connect({ ...common, ...address })
      const cluster = await isCluster(probe).finally(() => probe.destroy())
      if (cluster) return await ClusterTarget.connect({ ...common, nodes })
      return await RespTarget.connect({ ...common, ...address })
    } catch (error) {
      last = error
    }
  }
  throw last
}
