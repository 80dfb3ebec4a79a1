/**
 * The peers that tests run against, as Debian packages them. `npm test` installs what is missing where it may (root on
 * Debian) and says exactly what is missing where it may not; the tests that need it are then reported as skipped.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { run } from './processes.mjs'
import { which } from './toolchain.mjs'

const programs = [
  { program: 'redis-server', debian: 'redis-server', use: 'comparison with Redis' },
  { program: 'redis-cli', debian: 'redis-tools', use: 'comparison with Redis' },
  { program: 'redis-benchmark', debian: 'redis-tools', use: 'comparison with Redis' },
  { program: 'redis-check-aof', debian: 'redis-tools', use: 'our AOF read by Redis' },
  { program: 'mariadbd', debian: 'mariadb-server', use: 'following a real MariaDB' },
  { program: 'tclsh', debian: 'tcl', use: "Redis's own test suite" },
  { program: 'clang++', debian: 'clang libclang-rt-dev', use: 'fuzzing by coverage; without it inputs are random' },
]

export const missingPeers = () => programs.filter(({ program }) => which(program) === null)

/** What is missing and how to get it, for a person. */
export const missingText = (missing) => [
  ...missing.map(({ program, debian, use }) => `  ${program} (Debian: ${debian}): ${use}`),
  `  install with: apt-get install ${[...new Set(missing.map(({ debian }) => debian))].join(' ')}`,
].join('\n')

/**
 * Installs the missing peers if this is root on Debian.
 * @returns what is still missing
 */
export async function installPeers(onLine) {
  const missing = missingPeers()
  const may = process.getuid?.() === 0 && existsSync('/etc/debian_version') && which('apt-get') !== null
  if (missing.length === 0 || !may) return missing
  const packages = [...new Set(missing.map(({ debian }) => debian))]
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const quiet = holdServices()
  try {
    await run('apt-get', ['update'], { env, onLine, timeoutMs: 300_000 })
    for (const name of packages) {
      // One by one: a mirror without clang must not cost the Redis peers.
      const args = ['install', '-y', '--no-install-recommends', ...name.split(' ')]
      await run('apt-get', args, { env, onLine, timeoutMs: 600_000 })
    }
  } finally {
    quiet.end()
  }
  return missingPeers()
}

/**
 * Debian starts a redis-server on 6379 when it installs one, and that port is ours to use. Debian's own way to install
 * a service without starting it is a policy-rc.d that answers 101; one that is there already is left as it is.
 */
function holdServices() {
  const policy = '/usr/sbin/policy-rc.d'
  if (existsSync(policy)) return { end: () => {} }
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  return { end: () => rmSync(policy, { force: true }) }
}
