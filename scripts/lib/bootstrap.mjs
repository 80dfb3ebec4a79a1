/**
 * From a clone to something that runs, in three parts: the packages (pnpm at the pinned version), the data plane (C++,
 * node-gyp) and the TypeScript build. Each part has a stamp and is skipped while its inputs are unchanged, so that the
 * usual `npm start` reads some files and builds nothing. No nx and no pnpm in that fast path.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './processes.mjs'
import { Problem, say, seconds, step } from './progress.mjs'
import { pnpmCommand } from './pnpm.mjs'
import { addonFile, inRoot, pnpmVersion, root } from './repository.mjs'
import { filesBelow, readStamp, stampOf, writeStamp } from './stamp.mjs'
import { vendorMsgpackr } from '../vendor.mjs'
import { checkNode, checkTools, compilers, nodeDir } from './toolchain.mjs'

const stampFile = (part) => inRoot('node_modules', '.slotwise', part)
const manifests = () => filesBelow(root, (file) => file.endsWith('package.json'))
const machine = [process.versions.modules, process.platform, process.arch]

/** A part: what it is made from, whether its result is there, and how it is made. In the order of building. */
const parts = {
  packages: {
    label: 'packages',
    stamp: () => stampOf(root, [...manifests(), inRoot('pnpm-lock.yaml'), inRoot('pnpm-workspace.yaml')], machine, pnpmVersion),
    isThere: () => existsSync(inRoot('node_modules', '.modules.yaml')),
    build: installPackages,
  },
  native: {
    label: 'data plane (C++)',
    stamp: () => {
      const sources = ['src', 'tables', 'binding.gyp', 'addon.map'].flatMap((name) => filesBelow(inRoot('native', name)))
      return stampOf(root, [...sources, inRoot('scripts', 'lib', 'bootstrap.mjs')], machine)
    },
    isThere: () => existsSync(addonFile),
    build: buildNative,
  },
  typescript: {
    label: 'TypeScript',
    stamp: () => {
      const sources = ['packages', 'apps', 'benchmarks'].flatMap((name) =>
        filesBelow(inRoot(name), (file) => /\.(ts|json)$/.test(file)))
      return stampOf(root, [...sources, inRoot('tsconfig.json'), inRoot('tsconfig.base.json'), inRoot('pnpm-lock.yaml'),
        inRoot('scripts', 'vendor.mjs')])
    },
    isThere: () => manifests().every((file) => !hasTypeScript(file) || existsSync(join(file, '..', 'dist'))),
    build: buildTypeScript,
  },
}

const hasTypeScript = (manifest) => existsSync(join(manifest, '..', 'tsconfig.src.json')) &&
  filesBelow(join(manifest, '..', 'src'), (file) => file.endsWith('.ts') && !file.endsWith('.test.ts')).length > 0

/**
 * Builds those of `names` ('packages', 'native', 'typescript') that are out of date, in order.
 * @returns the number of parts that had to be built.
 * @throws {Problem} with what to do about it.
 */
export async function bootstrap(names = Object.keys(parts)) {
  checkNode()
  const startMs = performance.now()
  let built = 0
  for (const [name, part] of Object.entries(parts)) {
    if (!names.includes(name)) continue
    const stamp = part.stamp()
    if (part.isThere() && readStamp(stampFile(name)) === stamp) continue
    if (built++ === 0) {
      checkTools()
      say('Slotwise: setting up')
    }
    await step(part.label, part.build)
    writeStamp(stampFile(name), stamp)
  }
  if (built > 0) say(`Slotwise: ready after ${seconds(performance.now() - startMs)}`)
  return built
}

async function installPackages(update) {
  const [program, leading] = await pnpmCommand()
  const args = [...leading, 'install', '--frozen-lockfile', '--reporter=append-only']
  // Without CI, pnpm would ask before it replaces a node_modules that another version made.
  const { code, output } = await run(program, args, { cwd: root, env: { CI: 'true' }, onLine: update })
  if (code !== 0) throw new Problem(`The packages could not be installed (${program} exited with ${code}):\n${tail(output)}`)
}

async function buildNative(update) {
  const generate = await run(process.execPath, ['tables/generate.mjs', 'build/generated'], { cwd: inRoot('native'), onLine: update })
  if (generate.code !== 0) throw new Problem(`The tables could not be generated:\n${tail(generate.output)}`)
  const total = filesBelow(inRoot('native', 'src'), (file) => file.endsWith('.cc')).length
  const headers = nodeDir()
  const gyp = inRoot('node_modules', 'node-gyp', 'bin', 'node-gyp.js')
  const args = [gyp, 'configure', 'build', '--release', ...(headers === null ? [] : [`--nodedir=${headers}`])]
  let compiled = 0
  const { code, output } = await run(process.execPath, args, {
    cwd: inRoot('native'),
    env: { JOBS: process.env.JOBS ?? '2', ...compilers() },
    onLine: (line) => {
      if (line.includes('CXX(target)')) update(`${++compiled} of at most ${total} files`)
    },
  })
  if (code !== 0) {
    const first = output.split('\n').findIndex((line) => line.includes('error:'))
    const shown = first < 0 ? tail(output) : output.split('\n').slice(Math.max(0, first - 2), first + 25).join('\n')
    throw new Problem(`The data plane could not be built (node-gyp exited with ${code}):\n${shown}`)
  }
}

async function buildTypeScript(update) {
  vendorMsgpackr()
  const tsc = inRoot('node_modules', 'typescript', 'bin', 'tsc')
  const { code, output } = await run(process.execPath, [tsc, '-b', '--pretty', 'false'], { cwd: root, onLine: update })
  if (code !== 0) throw new Problem(`The TypeScript build failed:\n${tail(output)}`)
}

const tail = (output) => output.trimEnd().split('\n').slice(-40).join('\n')
