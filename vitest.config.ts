/**
 * Three projects: `unit` runs the tests beside the sources and needs nothing but the build; `peers` runs what lies in
 * `test/` folders: real processes, real Redis, real clients; `soak`, the long runs among them (*.soak.ts),
 * is only run when asked for. Packages are imported as built, as a user gets them. Files that take long start first.
 */
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './scripts/lib/longest-first.mjs'

const ignored = ['**/node_modules/**', '**/dist/**', '**/build/**']

export default defineConfig({
  test: {
    pool: 'forks',
    // A second, its default, measures the machine: a host takes the core away for as long, a disk needs longer.
    expect: { poll: { timeout: 30_000 } },
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts', 'scripts/**/*.test.mjs'],
          exclude: ignored,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'peers',
          maxWorkers: 4, // on two cores: a file waits for processes two thirds of its time
          sequence: { groupOrder: 1 },
          include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts'],
          exclude: ignored,
          // For machines that are slow or do other things: who waits for a condition gives up sooner, and says which.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'soak',
          include: ['packages/*/test/**/*.soak.ts', 'apps/*/test/**/*.soak.ts'],
          exclude: ignored,
          testTimeout: 24 * 3_600_000,
        },
      },
    ],
  },
})
