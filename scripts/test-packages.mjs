/**
 * `npm run test:packages [-- --quick] [-- 20 22 24 26]`: the tarballs as a stranger gets them. A registry on this
 * machine has them; npm and pnpm install `slotwise` into empty projects, without a warning; what the README says is
 * compiled (NodeNext, Bundler) and runs, with import and require, under each Node; server, cluster node, command run;
 * publint and attw look at every tarball. --quick: npm and this Node only, the least of types, without a network.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bootstrap } from './lib/bootstrap.mjs'
import { nodeOf } from './lib/node-binaries.mjs'
import { main, Problem, say, step } from './lib/progress.mjs'

const VERSIONS = ['20', '22', '24', '26']

await main(async () => {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { quick: { type: 'boolean', default: false } } })
  await bootstrap()
  const { packAll } = await import('./lib/pack/pack-all.mjs')
  const { lintTarball, registryOf, Stranger } = await import('./lib/pack/stranger.mjs')
  const scratch = mkdtempSync(join(tmpdir(), 'slotwise-packages-'))
  const failed = []
  const check = async (label, work) => {
    try {
      await step(label, work)
      return true
    } catch (error) {
      failed.push(label)
      say(error instanceof Problem ? error.message : error.stack)
      return false
    }
  }
  let registry
  try {
    const tarballs = await step('tarballs', () => packAll(join(scratch, 'tarballs')))
    for (const tarball of tarballs) {
      const withTypes = tarball.typed && (!values.quick || tarball.name === 'slotwise')
      await check(`publint${withTypes ? ' and attw' : ''}: ${tarball.name}`, () => lintTarball(tarball, { withTypes }))
    }
    registry = await registryOf(tarballs, { offline: values.quick })
    const nodes = new Map([[process.versions.node, process.execPath]])
    if (!values.quick) {
      nodes.clear()
      for (const version of positionals.length > 0 ? positionals : VERSIONS)
        nodes.set(version, await step(`Node ${version}`, () => nodeOf(version, join(scratch, 'node'))))
    }
    for (const installer of values.quick ? ['npm'] : ['npm', 'pnpm']) {
      const stranger = new Stranger(installer, join(scratch, `project-${installer}`), registry.url)
      if (!await check(`${installer}: installs without scripts and warnings`, () => stranger.install(['slotwise']))) continue
      for (const resolution of values.quick ? ['nodenext'] : ['nodenext', 'bundler'])
        await check(`${installer}: types of the README, ${resolution}`, () => stranger.compile(resolution))
      for (const [version, node] of nodes)
        await check(`${installer}, Node ${version}: library, command, server, node of a cluster`, () => stranger.use(node))
      if (installer === 'npm')
        await check('npm: what is said where the addon is missing', () => stranger.withoutAddon())
      if (!values.quick) await check(`${installer}: binlog, adapters, a cluster`, () => stranger.useOthers([...nodes.values()]))
    }
  } finally {
    await registry?.close()
    rmSync(scratch, { recursive: true, force: true })
  }
  if (failed.length > 0) throw new Problem(`Failed: ${failed.join('; ')}`)
  say('The packages are good.')
})
