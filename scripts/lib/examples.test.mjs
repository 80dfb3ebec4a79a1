/** The examples: programs run and print what they say they do; manifests are whole, and name what there is. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { directives } from '../../packages/config/dist/directives.generated.js'
import { inRoot, version } from './repository.mjs'

const node = async (name, ...args) => (await promisify(execFile)(process.execPath, [inRoot('examples', name), ...args])).stdout
const read = (...path) => readFileSync(inRoot('examples', ...path), 'utf8')

/** Words that begin with -- are directives of ours. */
function expectDirectives(words) {
  const given = words.filter((word) => String(word).startsWith('--')).map((word) => word.slice(2))
  expect(given).toContain('cluster-enabled')
  for (const name of given) expect(directives.map((directive) => directive.name)).toContain(name)
}

describe('the examples', () => {
  it('session store', async () => {
    const lines = (await node('session-store.mjs')).trim().split('\n').slice(1)
    expect(lines).toEqual(['/ 200 hello ada', '/logout 200 1 sessions ended', '/ 401 who are you?'])
  })

  it('rate limiter', async () => {
    const lines = (await node('rate-limiter.mjs')).trim().split('\n')
    expect(lines.slice(4)).toEqual([
      '40 ms ada: allowed, 0 left', '50 ms ada: refused, again in 950 ms', '50 ms bob: allowed, 4 left', '1001 ms ada: allowed, 0 left',
    ])
  })

  it('leader board', async () => {
    expect((await node('leader-board.mjs')).trim().split('\n')).toEqual([
      'top: ada 80, bob 70', 'dan is number 3, between bob and cleo', 'eve: null',
    ])
  })

  it('live page: its own script hears of orders, and ends with the program', async () => {
    const child = spawn(process.execPath, [inRoot('examples', 'live-page.mjs'), '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'exit')
    try {
      const [line] = await once(child.stdout, 'data')
      const url = String(line).trim()
      const [, path] = /new EventSource\('([^']+)'\)/.exec(await (await fetch(url)).text())
      let text = ''
      for await (const chunk of (await fetch(new URL(path, url))).body) {
        text += Buffer.from(chunk).toString()
        if (/^data: .*\n\n/m.test(text)) break
      }
      expect(text).toMatch(/^id: \S+\ndata: \{"time":(?:\d+|null),"changes":\[\{"keys":\["order:\d+"\],"command":\["SET","order:\d+","\w+"\]\}\]\}\n\n/m)
      expect((await fetch(new URL(path.replace('/changes', '/set/order:1/x'), url))).status).toBe(400)
    } finally {
      child.kill('SIGTERM')
    }
    expect(await ended).toEqual([0, null])
  })
})

describe('the manifests', () => {
  it('of Compose: six nodes with a volume and a port each, healthy before they are made a cluster', () => {
    const { services, volumes } = parse(read('docker', 'compose.yaml'), { merge: true })
    const nodes = Object.entries(services).filter(([name]) => name.startsWith('node-'))
    expect(nodes).toHaveLength(6)
    for (const [name, { build, command, ports, profiles, volumes: [volume] }] of nodes) {
      expect([build, profiles, volume]).toEqual(['.', ['cluster'], `${name}:/data`])
      expect(ports).toEqual([`127.0.0.1:700${name.at(-1)}:6379`])
      expect(Object.keys(volumes)).toContain(name)
      expectDirectives(command)
    }
    expect(Object.keys(services.create.depends_on)).toEqual(nodes.map(([name]) => name))
  })

  it('of Docker: this version, and a user that is not root', () => {
    const dockerfile = read('docker', 'Dockerfile')
    expect(dockerfile).toContain(`slotwise-server@${version}`)
    expect(dockerfile).toMatch(/^USER node$/m)
  })

  it('of Kubernetes: services, pods and the job name each other', () => {
    const documents = parseAllDocuments(read('kubernetes', 'cluster.yaml'))
    for (const { errors } of documents) expect(errors).toEqual([])
    const found = Object.fromEntries(documents.map((document) => document.toJS()).map((item) => [`${item.kind}/${item.metadata.name}`, item]))
    const set = found['StatefulSet/slotwise'].spec
    expect(found).toHaveProperty(`Service/${set.serviceName}`)
    expect(found[`Service/${set.serviceName}`].spec.selector).toEqual(set.template.metadata.labels)
    expect(set.selector.matchLabels).toEqual(set.template.metadata.labels)
    const [container] = set.template.spec.containers
    expect(container.image).toBe(`slotwise:${version}`)
    const disks = set.volumeClaimTemplates.map(({ metadata }) => metadata.name)
    expect(container.volumeMounts.map(({ name }) => name)).toEqual(disks)
    expectDirectives(container.args)
    const { template } = found['Job/slotwise-create'].spec
    expect(template.spec.containers[0].args[0].match(/for n in ([\d ]+);/)[1].split(' ')).toHaveLength(set.replicas)
    expect(template.metadata.labels).not.toEqual(set.template.metadata.labels)
  })
})
