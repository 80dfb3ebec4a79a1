/**
 * A registry on this machine that has our tarballs, so that installers meet them as a user's do: by name, with
 * dependencies between them and packages for other platforms that are there and do not fit. Everything else is asked of
 * the registry that npm is configured for.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { basename, join } from 'node:path'

/** Old enough for installers that leave new versions alone. */
const PUBLISHED_AT = '2026-01-01T00:00:00.000Z'

/**
 * @param packed  as packAll() returns
 * @param options.absent  manifests of packages whose tarballs nobody here can install
 * @param options.upstream  its URL; null: what is not ours is not found
 */
export async function startRegistry(packed, { absent = [], upstream = null } = {}) {
  const files = new Map()
  const manifests = new Map(absent.map((manifest) => [manifest.name, { manifest, integrity: undefined, path: '/absent.tgz' }]))
  for (const { name, file, folder } of packed) {
    const bytes = readFileSync(file)
    const path = `/-/${basename(file)}`
    files.set(path, bytes)
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const hash = (algorithm, encoding) => createHash(algorithm).update(bytes).digest(encoding)
    manifests.set(name, { manifest, path, integrity: `sha512-${hash('sha512', 'base64')}`, shasum: hash('sha1', 'hex') })
  }
  const server = createServer((request, response) =>
    void answer(request, response).catch((error) => response.writeHead(502).end(String(error))))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${server.address().port}/`

  async function answer({ url: target = '/', method }, response) {
    const path = decodeURIComponent(target.split('?')[0])
    const send = (status, type, body) => response.writeHead(status, { 'content-type': type }).end(body)
    const tarball = files.get(path)
    if (tarball !== undefined) return send(200, 'application/octet-stream', tarball)
    const own = manifests.get(path.slice(1))
    if (own !== undefined) return send(200, 'application/json', JSON.stringify(packument(own)))
    if (upstream === null || method !== 'GET' || path.startsWith('/-/')) return send(404, 'application/json', '{}')
    const reply = await fetch(new URL(target.slice(1), upstream), { headers: { accept: 'application/json' } })
    return send(reply.status, 'application/json', Buffer.from(await reply.arrayBuffer()))
  }

  function packument({ manifest, path, integrity, shasum }) {
    const { name, version } = manifest
    const sums = integrity === undefined ? { shasum: '0'.repeat(40) } : { integrity, shasum }
    const dist = { tarball: new URL(path.slice(1), url).href, ...sums }
    const time = { created: PUBLISHED_AT, modified: PUBLISHED_AT, [version]: PUBLISHED_AT }
    return {
      name, 'dist-tags': { latest: version }, time,
      versions: { [version]: { ...manifest, _id: `${name}@${version}`, dist } },
    }
  }

  const close = () => new Promise((resolve) => {
    server.close(resolve)
    server.closeAllConnections()
  })
  return { url, close }
}
