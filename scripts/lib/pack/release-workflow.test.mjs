/** The release workflow, which runs elsewhere and seldom: what can be known of it without running it. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { inRoot } from '../repository.mjs'
import { packages, platforms } from './public-packages.mjs'

const workflow = parse(readFileSync(inRoot('.github', 'workflows', 'release.yml'), 'utf8'))
const scripts = JSON.parse(readFileSync(inRoot('package.json'), 'utf8')).scripts
const { native, publish } = workflow.jobs
const steps = Object.values(workflow.jobs).flatMap((job) => job.steps)

describe('the release workflow', () => {
  it('builds each platform that installers are told of, once', () => {
    const built = native.strategy.matrix.include.map(({ platform }) => platform)
    expect(built.toSorted()).toEqual(platforms.map(({ name }) => name).toSorted())
  })

  it('builds for a libc where that libc is', () => {
    for (const { platform, container, runner } of native.strategy.matrix.include) {
      expect([platform, container.includes('alpine')]).toEqual([platform, platform.endsWith('-musl')])
      expect([platform, runner.endsWith('-arm')]).toEqual([platform, platform.startsWith('linux-arm64')])
    }
  })

  it('runs scripts that there are, and actions by their version', () => {
    const run = steps.flatMap(({ run: text = '' }) => [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name))
    expect(run).not.toEqual([])
    for (const name of run) expect(Object.keys(scripts)).toContain(name)
    for (const { uses } of steps) if (uses !== undefined) expect(uses).toMatch(/^actions\/[\w-]+@v\d+$/)
  })

  it('publishes every package, after those that it depends on, and only for a tag', () => {
    expect(publish.if).toBe("startsWith(github.ref, 'refs/tags/v')")
    const files = [...publish.steps.at(-1).run.matchAll(/tarballs\/(\S+?)\.tgz/g)].map(([, pattern]) => pattern)
    const patternOf = (name) => name === 'slotwise' ? 'slotwise-[0-9]*' : `${name.replace('@', '').replace('/', '-')}-*`
    const order = ['slotwise-native-*', ...packages.map(({ name }) => patternOf(name))]
    expect(files.toSorted()).toEqual(order.toSorted())
    expect(files[0]).toBe('slotwise-native-*')
    expect(files.indexOf('slotwise-engine-*')).toBeLessThan(files.indexOf('slotwise-server-*'))
    expect(files.slice(-4)).toEqual(['slotwise-[0-9]*', 'slotwise-member-*', 'slotwise-adapters-*', 'slotwise-follow-*'])
  })

  it('gives no job more than it needs, an identity to publishing alone, and no secret to anybody', () => {
    expect(workflow.permissions).toEqual({ contents: 'read' })
    expect(native.permissions).toBeUndefined()
    expect(publish.permissions).toEqual({ contents: 'read', 'id-token': 'write' })
    expect(steps.filter((step) => JSON.stringify(step).includes('secrets.'))).toEqual([])
  })
})
