/** The addon as a file: what it asks of the machine that loads it, and what it lets others see. */
import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { glibcOf } from './pack/addon-file.mjs'
import { GLIBC_MAX } from './pack/public-packages.mjs'
import { addonFile } from './repository.mjs'
import { isAtLeast, which } from './toolchain.mjs'

const lines = (program, ...args) => spawnSync(program, [...args, addonFile], { encoding: 'utf8' }).stdout.split('\n')

describe.skipIf(process.platform !== 'linux' || which('nm') === null || which('readelf') === null)('the addon', () => {
  it('exports its two entry points and nothing of libstdc++', () => {
    const names = lines('nm', '-D', '--defined-only').flatMap((line) => line.split(' ')[2] ?? [])
    expect(names.toSorted()).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1'])
  })

  it('needs glibc and nothing else', () => {
    const needed = lines('readelf', '-d').flatMap((line) => /NEEDED.*\[(.+?)\.so/.exec(line)?.[1] ?? [])
    expect(needed).toContain('libc')
    expect(needed.filter((name) => !['libc', 'libm', 'ld-linux-x86-64', 'ld-linux-aarch64'].includes(name))).toEqual([])
  })

  it('needs no newer glibc than is promised, that of Debian 12', () => {
    expect(isAtLeast(GLIBC_MAX, glibcOf(addonFile))).toBe(true)
  })

  it('stays mapped while its threads may run', () => {
    expect(lines('readelf', '-d').join('\n')).toMatch(/FLAGS_1.*NODELETE/)
  })
})
