/**
 * `npm run site [-- --serve]`: the documentation as a site, in site/build/html: the guides of this repository, a page
 * for each group of commands, and the API from the sources' types and docstrings. A link that leads nowhere fails it.
 * VitePress is installed by this and not with the rest: see docs/dependencies.md.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { bootstrap } from './lib/bootstrap.mjs'
import { pnpmCommand } from './lib/pnpm.mjs'
import { run } from './lib/processes.mjs'
import { main, Problem, say, step } from './lib/progress.mjs'
import { inRoot } from './lib/repository.mjs'
import { become } from './lib/tool.mjs'

const cwd = inRoot('site')
const vitepress = inRoot('site', 'node_modules', 'vitepress', 'bin', 'vitepress.js')

async function must(what, program, args) {
  const { code, output } = await run(program, args, { cwd, env: { CI: 'true' } })
  if (code !== 0) throw new Problem(`${what} ended with ${code}:\n${output.trimEnd().split('\n').slice(-40).join('\n')}`)
}

await main(async () => {
  const { values } = parseArgs({ options: { serve: { type: 'boolean', default: false } } })
  await bootstrap(['packages', 'typescript'])
  await step('VitePress', async () => {
    const [program, leading] = await pnpmCommand()
    await must('pnpm', program, [...leading, 'install', '--frozen-lockfile', '--reporter=append-only'])
  })
  await step('pages', async () => {
    const { writePages } = await import('./lib/site/pages.mjs')
    const menu = writePages(inRoot('site', 'build', 'pages'))
    writeFileSync(inRoot('site', 'build', 'menu.json'), JSON.stringify(menu, null, 2))
  })
  await step('site', () => must('VitePress', process.execPath, [vitepress, 'build', '.']))
  say('The site is in site/build/html.')
  if (values.serve) await become(process.execPath, [vitepress, 'preview', '.'], { cwd })
})
