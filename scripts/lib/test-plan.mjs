/**
 * The plan of `npm test`: which steps there are, what each needs, and how many cores it keeps busy. Groups are what
 * `--only` and `--skip` name. Steps that measure or wait for real processes take both cores, so that they run alone.
 */
import { bootstrap } from './bootstrap.mjs'
import { none } from './counts.mjs'
import { benchmarkBin, inRoot } from './repository.mjs'
import { benchmarkScenarios, buildFuzz, command, fuzz, fuzzTargets, hasTests, nativeTests, vitest } from './test-runners.mjs'
import { which } from './toolchain.mjs'

export const groups = ['lint', 'docs', 'nx', 'native', 'fuzz', 'unit', 'peers', 'differential', 'packages', 'bench']

/** One part of the set-up as a step; nothing is built that is up to date. */
const setUp = (part, cores, after) => ({
  name: `build ${part}`, group: 'build', cores, after: after.map((name) => `build ${name}`),
  run: async () => {
    await bootstrap([part])
    return { ok: true, ...none, output: '' }
  },
})
const built = ['build native', 'build typescript']
const nodeTool = (...path) => inRoot('node_modules', ...path)

/**
 * @param options.fuzzSeconds  how long each fuzz target runs
 * @param options.passOn  further arguments for vitest
 * @param options.hint  hint(name) is a callback for the lines a step prints
 */
export function testPlan({ fuzzSeconds, passOn, hint }) {
  const targets = fuzzTargets()
  const steps = [
    setUp('packages', 1, []),
    setUp('native', 2, ['packages']),
    setUp('typescript', 1, ['packages']),
    {
      name: 'lint', group: 'lint', cores: 1, after: ['build typescript'],
      run: () => command('lint', process.execPath, [nodeTool('eslint', 'bin', 'eslint.js'), '.'], { onLine: hint('lint') }),
    },
    {
      name: 'generated files', group: 'docs', cores: 1, after: [],
      run: () => command('docs', process.execPath, [inRoot('native', 'tables', 'generate.mjs'), '--ts', '--docs', '--check']),
    },
    {
      name: 'nx targets', group: 'nx', cores: 2, after: built, // alone: it may replace what lint reads
      run: () => command('nx', process.execPath, [nodeTool('nx', 'dist', 'bin', 'nx.js'), 'run-many', '-t', 'build'], { onLine: hint('nx') }),
    },
    ...['asan', 'tsan'].map((variant) => ({
      name: `native ${variant}`, group: 'native', cores: 2, after: [],
      run: () => nativeTests(variant, hint(`native ${variant}`)),
    })),
    { name: 'unit', group: 'unit', cores: 2, after: built, run: () => vitest('unit', passOn, hint('unit')) },
    { name: 'peers', group: 'peers', cores: 2, after: built, run: () => vitest('peers', passOn, hint('peers')) },
    ...['small', 'default'].map((thresholds, i) => ({
      // The short form; `npm run differential` is the long one.
      name: `differential ${thresholds}`, group: 'differential', cores: 1, after: built,
      run: () => which('redis-server') === null
        ? { ok: true, ...none, skipped: 1 }
        : command(`differential ${thresholds}`, process.execPath, [inRoot('scripts', 'differential.mjs'), '--count', '40000', '--seed', String(i + 1), '--thresholds', thresholds],
            { onLine: hint(`differential ${thresholds}`) }),
    })),
    {
      // The short form; `npm run test:packages` is the long one.
      name: 'packages', group: 'packages', cores: 1, after: built,
      run: () => command('packages', process.execPath, [inRoot('scripts', 'test-packages.mjs'), '--quick'], { onLine: hint('packages') }),
    },
    ...[0, 1].map((half) => ({
      // That the suite runs, not how fast: figures come from `npm run bench` on a quiet machine. Much of it waits.
      name: `bench smoke ${half + 1}`, group: 'bench', cores: 1, after: built,
      run: () => which('redis-server') === null
        ? { ok: true, ...none, skipped: 1 }
        : command(`bench ${half + 1}`, process.execPath, [
            benchmarkBin, ...benchmarkScenarios().filter((_, i) => i % 2 === half),
            '--quick', '--runs', '1', '--no-pin', '--port-base', String(21300 + 100 * half),
          ], { onLine: hint(`bench smoke ${half + 1}`) }),
    })),
    { name: 'fuzz build', group: 'fuzz', cores: 2, after: [], run: () => buildFuzz(hint('fuzz build')) },
    ...targets.map((target) => ({
      name: `fuzz ${target}`, group: 'fuzz', cores: 1, after: ['fuzz build'],
      run: () => fuzz(target, fuzzSeconds, hint(`fuzz ${target}`)),
    })),
  ]
  return steps.filter(({ name }) =>
    (name !== 'fuzz build' || targets.length > 0) && (!['unit', 'peers'].includes(name) || hasTests(name)))
}
