/**
 * What is published, and for which platforms. A package of the workspace is published by its folder's name here; what
 * it imports of the workspace and is not in this table is bundled into it, and so is what has an install script
 * elsewhere. Pure data: staging is stage.mjs, manifests are manifest.mjs.
 */

/** The libc of Debian 12, where the addon is built here; a release builds with an older one (release.yml). */
export const GLIBC_MAX = '2.36'

/**
 * Platforms with a prebuilt addon: the name is that of the package, the rest is what installers compare with the
 * machine. `tested`: the tests of this repository ran with it; the others are built by the release workflow only.
 */
export const platforms = [
  { name: 'linux-x64-gnu', os: 'linux', cpu: 'x64', libc: 'glibc', tested: true },
  { name: 'linux-x64-musl', os: 'linux', cpu: 'x64', libc: 'musl', tested: false },
  { name: 'linux-arm64-gnu', os: 'linux', cpu: 'arm64', libc: 'glibc', tested: false },
  { name: 'linux-arm64-musl', os: 'linux', cpu: 'arm64', libc: 'musl', tested: false },
  { name: 'darwin-arm64', os: 'darwin', cpu: 'arm64', tested: false },
  { name: 'darwin-x64', os: 'darwin', cpu: 'x64', tested: false },
  { name: 'win32-x64', os: 'win32', cpu: 'x64', tested: false },
]

export const nativePackage = (platform) => `@slotwise/native-${platform.name}`

/**
 * `bundle`: output file (without .js) -> module that it begins with, relative to the repository; absent: the package's
 * dist as tsc made it, of which a typed package keeps the types. `inside`: bundled although it is published. `also`:
 * what its manifest says beyond that of the workspace. `writes`: further files. `typed`: it has types to check.
 */
export const packages = [
  { name: '@slotwise/engine', folder: 'packages/engine', typed: true },
  { name: '@slotwise/http', folder: 'packages/http', typed: true },
  {
    name: 'slotwise-server', folder: 'apps/server',
    bundle: {
      'dist/main': 'apps/server/dist/main.js',
      'dist/backup-main': 'apps/server/dist/backup-main.js',
      'dist/check-aof': 'apps/server/dist/check-aof.js',
      // Workers: found beside whatever starts them.
      'dist/control': 'packages/node/dist/control.js',
      'dist/gateway-worker': 'packages/http/dist/gateway-worker.js',
    },
    // Published too, but with them would come six packages of others, for a gateway and a FOLLOW that few turn on.
    inside: ['@slotwise/http', '@slotwise/binlog'],
  },
  {
    name: 'slotwise', folder: 'packages/store', typed: true,
    bundle: { 'cli/main': 'apps/cli/dist/main.js' },
    // The command is one with the library, so that `npx slotwise` is enough; see decision 0030.
    also: { bin: { slotwise: 'bin/slotwise' }, dependencies: { 'slotwise-server': 'workspace:*' } },
    writes: { 'bin/slotwise': "#!/usr/bin/env node\nimport('../cli/main.js')\n" },
  },
  { name: '@slotwise/binlog', folder: 'packages/binlog', typed: true },
  {
    name: '@slotwise/member', folder: 'packages/member', typed: true,
    // As the server has it: the control plane with LMDB inside, and workers beside it.
    bundle: {
      'dist/index': 'packages/member/dist/index.js',
      'dist/control': 'packages/node/dist/control.js',
      'dist/gateway-worker': 'packages/http/dist/gateway-worker.js',
    },
    inside: ['@slotwise/http', '@slotwise/binlog'],
  },
  { name: '@slotwise/adapters', folder: 'packages/adapters', typed: true },
  { name: 'slotwise-follow', folder: 'apps/follow' },
]
