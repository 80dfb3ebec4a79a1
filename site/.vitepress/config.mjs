/** The site's settings; its pages and its menu are written by scripts/lib/site before VitePress reads them. */
import { readFileSync } from 'node:fs'
import { defineConfig } from 'vitepress'

const menu = JSON.parse(readFileSync(new URL('../build/menu.json', import.meta.url), 'utf8'))

export default defineConfig({
  title: 'Slotwise',
  description: 'A sharded, Redis-compatible key-value store that runs inside a Node.js process or as a server of its own.',
  srcDir: 'build/pages',
  outDir: 'build/html',
  cacheDir: 'build/cache',
  // Links to pages that are not there fail the build: VitePress's default, and the reason not to turn it off.
  ignoreDeadLinks: false,
  // Braces at the end of a sentence are text.
  markdown: { attrs: { disable: true } },
  themeConfig: {
    nav: [
      { text: 'Begin', link: '/docs/start' },
      { text: 'Library', link: '/docs/library' },
      { text: 'API', link: '/reference/api/store' },
      { text: 'Commands', link: '/reference/commands/' },
    ],
    sidebar: menu,
    outline: { level: [2, 3] },
    search: { provider: 'local' },
  },
})
