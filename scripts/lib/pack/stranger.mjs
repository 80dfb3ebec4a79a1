/**
 * A stranger's project: an empty folder, an installer and what the README says, nothing of this repository. Each method
 * throws a Problem with the output of what failed.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { freePort, freePortRun } from '../free-port.mjs'
import { pnpmCommand } from '../pnpm.mjs'
import { run } from '../processes.mjs'
import { Problem } from '../progress.mjs'
import { inRoot, version } from '../repository.mjs'
import { startRegistry } from './local-registry.mjs'
import { nativeManifest } from './manifest.mjs'
import { nativePackage, platforms } from './public-packages.mjs'

const tool = (name, file) => inRoot('node_modules', name, file)

async function must(what, program, args, options) {
  const { code, output } = await run(program, args, { timeoutMs: 120_000, ...options })
  if (code !== 0) throw new Problem(`${what} ended with ${code}:\n${output}`)
  return output
}

/** A registry with the tarballs, and packages for the other platforms, of which only the manifest matters. */
export async function registryOf(tarballs, { offline }) {
  const manifest = JSON.parse(readFileSync(inRoot('package.json'), 'utf8'))
  const here = new Set(tarballs.map(({ name }) => name))
  const absent = platforms.filter((platform) => !here.has(nativePackage(platform)))
    .map((platform) => nativeManifest(platform, manifest))
  const lmdb = join(realpathSync(inRoot('packages', 'state', 'node_modules', 'lmdb')), '..', '@lmdb')
  if (!offline) return startRegistry(tarballs, { absent, upstream: (await must('npm config', 'npm', ['config', 'get', 'registry'])).trim() })
  // lmdb's own packages: that of this platform as it is installed, the others by what they say.
  const { optionalDependencies } = JSON.parse(readFileSync(join(lmdb, '..', 'lmdb', 'package.json'), 'utf8'))
  const packed = []
  for (const [name, lmdbVersion] of Object.entries(optionalDependencies)) {
    const folder = join(lmdb, name.split('/')[1])
    const [, os, cpu] = name.split('-')
    if (!existsSync(folder)) {
      absent.push({ name, version: lmdbVersion, os: [os], cpu: [cpu] })
      continue
    }
    const to = dirname(tarballs[0].file)
    await must('npm pack', 'npm', ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', to, realpathSync(folder)], { cwd: to })
    packed.push({ name, folder, file: join(to, `${name.slice(1).replace('/', '-')}-${lmdbVersion}.tgz`) })
  }
  return startRegistry([...tarballs, ...packed], { absent })
}

/** publint, and attw if types are looked at. */
export async function lintTarball({ file, folder }, { withTypes }) {
  const bytes = readFileSync(file)
  const tarball = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true, level: 'warning' })
  if (messages.length > 0) throw new Problem(messages.map((message) => formatMessage(message, pkg)).join('\n'))
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  if (manifest.scripts !== undefined) throw new Problem(`${manifest.name} has scripts`)
  if (!withTypes) return
  // One build, an ES module, that require() loads too: since Node 20.19 that is no mistake.
  const attw = ['--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm', '--format', 'ascii', '--no-color', '--no-emoji']
  await must('attw', process.execPath, [tool('@arethetypeswrong/cli', 'dist/index.js'), file, ...attw])
}

const ESM = `import { open } from 'slotwise'
const store = await open({ dir: './data-esm' })
store.set('user:1', { name: 'Ada' }, { ttlMs: 60_000 })
const { port } = await store.listen({ port: 0 })
await store.synced()
console.log(store.get('user:1').name, port > 0)
await store.close()
`
const CJS = `const { open } = require('slotwise')
async function main() {
  const store = await open({ codec: 'json' })
  store.setMany({ a: 1, b: [2] })
  console.log(JSON.stringify(store.getMany(['a', 'b'])), require('slotwise').open === open)
  await store.close()
}
main()
`

/** Compiled only: what programs write that use the packages beside the library. */
const OTHERS = `import { startCluster, type TestCluster } from '@slotwise/adapters/testing'
import { KeyvSlotwise } from '@slotwise/adapters/keyv'
import { follow, Mapping } from '@slotwise/binlog'
import { createGateway, type Gateway } from '@slotwise/http'
import { join, type Member } from '@slotwise/member'
import { type AsyncStore, open } from 'slotwise'

const store = await open({ dir: './data' })
export const keyv = new KeyvSlotwise(store)
export const gateway: Gateway = await createGateway({ store, tokens: [{ token: 'a-secret-of-16-characters' }] })
export const member: Member<string> = await join({ dir: './member', codec: 'text' })
export const far: AsyncStore<string> = member
export const cluster: TestCluster = await startCluster({ nodes: 3 })
export const done: Promise<void> = follow({
  sources: [{ host: 'db1', user: 'repl', password: '' }], serverId: 4001, into: await open({ codec: 'text' }),
  mapping: Mapping.parse('tables: []'),
})
`

export class Stranger {
  #installer
  #dir
  #registry

  constructor(installer, dir, registry) {
    this.#installer = installer
    this.#dir = dir
    this.#registry = registry
    mkdirSync(dir, { recursive: true })
    writeFileSync(join(dir, 'package.json'), '{ "name": "stranger", "version": "1.0.0", "private": true }\n')
    writeFileSync(join(dir, 'esm.mjs'), ESM)
    writeFileSync(join(dir, 'cjs.cjs'), CJS)
  }

  #path(...parts) { return join(this.#dir, ...parts) }

  /** Exit code 0, not a word of warning, and nothing in node_modules that would want to run a script. */
  async install(names) {
    const cache = this.#path('..', `cache-${this.#installer}`)
    const [program, args] = this.#installer === 'npm'
      ? ['npm', ['install', '--no-audit', '--no-fund', '--update-notifier=false', `--cache=${cache}`]]
      : await pnpmCommand().then(([name, leading]) => [name, [...leading, 'add', '--reporter=append-only', `--store-dir=${cache}`]])
    const env = { CI: 'true', XDG_CACHE_HOME: cache }
    const output = await must(this.#installer, program, [...args, `--registry=${this.#registry}`, ...names], { cwd: this.#dir, env })
    if (/\bwarn/i.test(output)) throw new Problem(`${this.#installer} warns:\n${output}`)
    const installed = manifestsBelow(this.#path('node_modules'))
    const scripted = installed.filter(({ scripts = {} }) => ['preinstall', 'install', 'postinstall'].some((name) => name in scripts))
    if (scripted.length > 0) throw new Problem(`with install scripts: ${scripted.map(({ name }) => name).join(', ')}`)
    const others = new Set(installed.map(({ name }) => name).filter((name) => name !== 'slotwise'))
    if (names.join() === 'slotwise' && others.size > 5) throw new Problem(`slotwise brings more than 5 packages: ${[...others].join(', ')}`)
  }

  /** The fenced TypeScript of the package's README, and a CommonJS module; the library's types are checked too. */
  async compile(resolution) {
    const readme = readFileSync(this.#path('node_modules', 'slotwise', 'README.md'), 'utf8')
    const snippets = [...readme.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code)
    if (snippets.length === 0) throw new Problem('the README of slotwise has no fenced TypeScript')
    const files = snippets.map((code, index) => {
      writeFileSync(this.#path(`readme-${index}.mts`), code)
      return `readme-${index}.mts`
    })
    writeFileSync(this.#path('common.cts'), `import { open, type Store } from 'slotwise'
export const count = (store: Store): number => store.incr('visits')
void open({ name: 'common' }).then((store) => { console.log(count(store)); return store.close() })
`)
    if (resolution === 'nodenext') files.push('common.cts')
    await this.#tsc(resolution, files)
  }

  async #tsc(resolution, files) {
    const options = {
      module: resolution === 'nodenext' ? 'nodenext' : 'esnext', moduleResolution: resolution, target: 'es2022',
      lib: ['es2023', 'esnext.disposable'], types: ['node'], typeRoots: [inRoot('node_modules', '@types')],
      strict: true, skipLibCheck: false, outDir: 'out', rootDir: '.',
    }
    writeFileSync(this.#path('tsconfig.json'), JSON.stringify({ compilerOptions: options, files }))
    await must(`tsc (${resolution})`, process.execPath, [tool('typescript', 'bin/tsc'), '-p', this.#dir], { cwd: this.#dir })
  }

  /** Runs all of it under one Node. */
  async use(node) {
    const options = { cwd: this.#dir }
    const print = async (...args) => (await must(args.join(' '), node, args, options)).replace(/^.*(ExperimentalWarning|--trace-warnings).*\n/gm, '').trim()
    const same = (what, found, expected) => {
      if (found !== expected) throw new Problem(`${what} printed ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`)
    }
    same('import', await print('esm.mjs'), 'Ada true')
    same('require', await print('cjs.cjs'), '[1,[2]] true')
    for (const file of readdirSync(this.#path('out')).filter((name) => name.endsWith('.mjs'))) await print(join('out', file))
    same('require of compiled TypeScript', await print(join('out', 'common.cjs')), '1')
    const command = realpathSync(this.#path('node_modules', 'slotwise', 'bin', 'slotwise'))
    same('slotwise --version', await print(command, '--version'), version)
    if (!(await print(command, 'server', '--version')).includes(`v=${version}`)) throw new Problem('slotwise server does not reach the server')
    await this.#clusterNode(node, command)
  }

  /** A node of a cluster opens LMDB, whose binary depends on the version of Node; the gateway is another worker. */
  async #clusterNode(node, command) {
    const port = await freePortWithBus()
    const dir = this.#path(`cluster-${port}`)
    mkdirSync(dir)
    const [httpPort, token] = [await freePort(), 'a-token-of-a-test-0123456789']
    const gateway = ['--http-port', String(httpPort), '--http-token', token]
    const args = [command, 'server', '--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--cluster-enabled', 'yes', ...gateway]
    const child = spawn(node, args, { cwd: this.#dir, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output += chunk)
    const ended = new Promise((resolve) => child.on('close', resolve))
    try {
      const deadlineMs = performance.now() + 60_000
      while (!await says(port, 'CLUSTER MYID', /^\$40\r\n[0-9a-f]{40}/)) {
        if (child.exitCode !== null || performance.now() > deadlineMs) throw new Problem(`the server does not answer:\n${output}`)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      const headers = { authorization: `Bearer ${token}` }
      for (const path of ['ping', 'openapi.json', 'metrics']) {
        let status = null
        while (status === null) { // it listens a moment later than the port for clients
          status = await fetch(`http://127.0.0.1:${httpPort}/${path}`, { headers }).then((reply) => reply.status, () => null)
          if (child.exitCode !== null || performance.now() > deadlineMs) break
        }
        if (status !== 200) throw new Problem(`the gateway answers /${path} with ${status}:\n${output}`)
      }
      child.kill('SIGTERM')
      const code = await ended
      if (code !== 0) throw new Problem(`the server ended with ${code}:\n${output}`)
      if (!existsSync(join(dir, 'nodes.conf.mdb'))) throw new Problem('the node wrote no nodes.conf.mdb')
    } finally {
      child.kill('SIGKILL')
    }
  }

  /** Without the package of this platform, the error names it. As npm lays packages out; pnpm keeps a second link. */
  async withoutAddon() {
    const engine = this.#path('node_modules', '@slotwise')
    const name = readdirSync(engine).find((entry) => entry.startsWith('native-'))
    renameSync(join(engine, name), join(engine, `.${name}`))
    try {
      const { code, output } = await run(process.execPath, ['esm.mjs'], { cwd: this.#dir })
      for (const word of [`@slotwise/${name} is missing`, '--omit=optional', 'docs/packages.md', 'ADDON'])
        if (code === 0 || !output.includes(word)) throw new Problem(`without the addon, ${word} is not said (exit code ${code}):\n${output}`)
    } finally {
      renameSync(join(engine, `.${name}`), join(engine, name))
    }
  }

  /**
   * The packages beside it; the cluster for tests is also that of the published command.
   * @param nodes  executables of Node under which they run
   */
  async useOthers(nodes) {
    await this.install(['@slotwise/binlog', '@slotwise/adapters', '@slotwise/http', '@slotwise/member', 'slotwise-follow'])
    writeFileSync(this.#path('others.mts'), OTHERS)
    for (const resolution of ['nodenext', 'bundler']) await this.#tsc(resolution, ['others.mts'])
    const follow = realpathSync(this.#path('node_modules', 'slotwise-follow', 'bin', 'slotwise-follow'))
    const help = await must('slotwise-follow', process.execPath, [follow, '--help'], { cwd: this.#dir })
    if (!help.startsWith('Usage: slotwise-follow --mapping FILE')) throw new Problem(`slotwise-follow --help printed ${help}`)
    for (const node of nodes) await this.#runOthers(node)
  }

  async #runOthers(node) {
    const code = `import { Mapping } from '@slotwise/binlog'
import { KeyvSlotwise } from '@slotwise/adapters/keyv'
import { startCluster } from '@slotwise/adapters/testing'
import { join } from '@slotwise/member'
const cluster = await startCluster({ nodes: 1 })
await cluster.stop()
const node = await join({ dir: './member-${randomUUID()}', port: ${await freePortWithBus()} })
await node.set('k', [1])
console.log(typeof Mapping.parse, typeof KeyvSlotwise, cluster.nodes.length, await node.get('k'), await node.isLocal('k'))
await node.close()`
    const output = await must('the others', node, ['--no-warnings', '--input-type=module', '-e', code], { cwd: this.#dir })
    if (output.trim() !== 'function function 1 [ 1 ] true') throw new Problem(`the others printed ${output}`)
  }
}

/** Each package once, wherever the installer put it. */
function manifestsBelow(dir, found = new Map()) {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue
    const file = join(dir, entry.name, 'package.json')
    if (existsSync(file) && !dir.endsWith('dist')) {
      const manifest = JSON.parse(readFileSync(file, 'utf8'))
      if (manifest.name !== undefined) found.set(manifest.name, manifest)
    }
    manifestsBelow(join(dir, entry.name), found)
  }
  return [...found.values()]
}

/** Its bus is 10000 above. */
const freePortWithBus = () => freePortRun([0, 10_000])

/** Whether the server at `port` answers an inline command so. */
function says(port, command, pattern) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`))
    const end = (answer) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('data', (data) => end(pattern.test(data.toString())))
    socket.once('error', () => end(false))
  })
}
