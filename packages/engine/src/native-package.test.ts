import { describe, expect, it } from 'vitest'
import { addonNames, addonPackage, brokenAddon, isAbsent, missingAddon } from './native-package.js'

describe('the addon of a machine', () => {
  it.each([
    ['linux', 'x64', ['#addon', '@slotwise/native-linux-x64-gnu', '@slotwise/native-linux-x64-musl']],
    ['darwin', 'arm64', ['#addon', '@slotwise/native-darwin-arm64']],
    ['win32', 'x64', ['#addon', '@slotwise/native-win32-x64']],
  ])('is looked for in the repository, then in the packages of %s-%s', (platform, arch, names) => {
    expect(addonNames(platform, arch)).toEqual(names)
  })

  it('is named for the libc that runs, glibc if nothing tells', () => {
    expect(addonPackage({ platform: 'linux', arch: 'arm64', libc: 'musl' })).toBe('@slotwise/native-linux-arm64-musl')
    expect(addonPackage({ platform: 'linux', arch: 'riscv64', libc: null })).toBe('@slotwise/native-linux-riscv64-gnu')
    expect(addonPackage({ platform: 'freebsd', arch: 'x64', libc: null })).toBe('@slotwise/native-freebsd-x64')
  })

  it('is absent if a package or its entry is, and broken if the system refuses it', () => {
    expect(isAbsent(Object.assign(new Error(), { code: 'MODULE_NOT_FOUND' }))).toBe(true)
    expect(isAbsent(Object.assign(new Error(), { code: 'ERR_PACKAGE_IMPORT_NOT_DEFINED' }))).toBe(true)
    expect(isAbsent(Object.assign(new Error(), { code: 'ERR_DLOPEN_FAILED' }))).toBe(false)
  })

  it('if it is missing, the error names the package, why it may be missing and the way from source', () => {
    const error = missingAddon({ platform: 'linux', arch: 'x64', libc: 'musl' })
    expect(error).toMatchObject({ code: 'ADDON', name: 'AddonError' })
    expect(error.message).toMatch(/@slotwise\/native-linux-x64-musl is missing/)
    expect(error.message).toMatch(/--omit=optional/)
    expect(error.message).toMatch(/docs\/packages\.md/)
  })

  it('if the system refuses it, the error says why, in the words of the system', () => {
    const cause = new Error("version `GLIBC_2.36' not found")
    expect(brokenAddon('@slotwise/native-linux-x64-gnu', cause)).toMatchObject({ code: 'ADDON', cause })
    expect(brokenAddon('@slotwise/native-linux-x64-gnu', cause).message).toContain('GLIBC_2.36')
  })
})
