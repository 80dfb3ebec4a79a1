/**
 * `npm run simulate [-- --minutes 5] [-- --nodes 7] [-- --seed 1]`: schedules of a simulated cluster under faults, one
 * seed each, and how many a minute. The first seed that breaks an invariant is told again with its whole story.
 * `-- --replay 42`: the story of one seed. `-- --plant voteTwice|skipPersist`: with a planted fault, which must be
 * found. `-- --restarts`: a primary is killed and comes back, at any moment of a fail-over, each seed one moment.
 * `-- --copies 3|5 [--received K]`: a shard whose acknowledgements outlive every fail-over, by fsyncing
 * majorities, or by K replicas that have received; `--plant noLease|electAlone|resetVotes`.
 * `-- --nodes 1000 --schedules 10`: of more than a hundred nodes each schedule is told, with its time and memory.
 * `-- --large 1000 --schedules 10`: half of the primaries of a large cluster are killed at once.
 */
import { bootstrap } from './lib/bootstrap.mjs'
import { parseArgs } from 'node:util'
import { main, Problem, say } from './lib/progress.mjs'
import { inRoot } from './lib/repository.mjs'

await main(async () => {
  const { values } = parseArgs({ options: {
    minutes: { type: 'string', default: '5' }, nodes: { type: 'string', default: '7' },
    seed: { type: 'string', default: '1' },
    schedules: { type: 'string', default: '1000000000' }, replay: { type: 'string' }, plant: { type: 'string' },
    large: { type: 'string' }, copies: { type: 'string' }, received: { type: 'string', default: '0' },
    restarts: { type: 'boolean', default: false },
    timeout: { type: 'string', default: '15000' },
  } })
  await bootstrap(['packages', 'typescript'])
  const simulator = await import(inRoot('packages', 'simulator', 'dist', 'index.js'))
  const faults = values.plant === undefined ? {} : { [values.plant]: true }
  const nodes = Number(values.nodes)
  if (values.restarts) return restarts(simulator, values)
  const tell = (seed) => simulator.runSchedule({ seed, nodes, faults, log: (line) => console.log(line) })
  if (values.replay !== undefined && values.copies === undefined) return console.log(tell(Number(values.replay)))
  if (values.copies !== undefined) return copies(simulator, values, faults)
  if (values.large !== undefined) return large(simulator, values)
  if (nodes > 100) return hundreds(simulator, values, nodes, faults)

  const endAt = performance.now() + Number(values.minutes) * 60_000
  const startAt = performance.now()
  const sums = { schedules: 0, steps: 0, messages: 0, votes: 0, convergedMsMax: 0, convergedTimeoutsMax: 0,
    replacedTimeoutsMax: 0, overlaps: 0, overlapMsMax: 0 }
  for (let seed = Number(values.seed); performance.now() < endAt && sums.schedules < Number(values.schedules); seed++) {
    const result = simulator.runSchedule({ seed, nodes, faults })
    sums.schedules++
    sums.steps += result.steps
    sums.messages += result.messages
    sums.votes += result.votes
    sums.convergedMsMax = Math.max(sums.convergedMsMax, result.convergedMs)
    sums.convergedTimeoutsMax = Math.max(sums.convergedTimeoutsMax, result.convergedMs / result.nodeTimeoutMs)
    sums.replacedTimeoutsMax = Math.max(sums.replacedTimeoutsMax, (result.replacedMs ?? 0) / result.nodeTimeoutMs)
    // Two primaries that took writes for one slot at a time, where nobody forced it.
    if (result.forced === 0 && result.overlapMs > 0) sums.overlaps++
    if (result.forced === 0) sums.overlapMsMax = Math.max(sums.overlapMsMax, result.overlapMs)
    if (result.violation === null) {
      if (sums.schedules % 500 === 0) say(`${sums.schedules} schedules, ${sums.votes} votes, no violation`)
      continue
    }
    tell(seed)
    throw new Problem(`Seed ${seed}, schedule ${sums.schedules}: ${result.violation}\n` +
      `Again: npm run simulate -- --nodes ${nodes} --replay ${seed}${values.plant === undefined ? '' : ` --plant ${values.plant}`}`)
  }
  const minutes = (performance.now() - startAt) / 60_000
  console.log(JSON.stringify({ nodes, minutes: Number(minutes.toFixed(2)),
    schedulesPerMinute: Math.round(sums.schedules / minutes), ...sums }))
})

/** A seed takes minutes: all are run, and those that broke an invariant are told at the end. */
function hundreds(simulator, values, nodes, faults) {
  const endAt = performance.now() + Number(values.minutes) * 60_000
  const broken = []
  let schedules = 0
  for (let seed = Number(values.seed); performance.now() < endAt && schedules < Number(values.schedules); seed++) {
    const startAt = performance.now()
    const result = simulator.runSchedule({ seed, nodes, faults })
    schedules++
    const seconds = Number(((performance.now() - startAt) / 1000).toFixed(1))
    const peakMegabytes = Math.round(process.resourceUsage().maxRSS / 1024)
    console.log(JSON.stringify({ nodes, ...result, seconds, peakMegabytes }))
    if (result.violation !== null) broken.push(seed)
  }
  console.log(JSON.stringify({ nodes, schedules, clean: schedules - broken.length }))
  if (broken.length > 0) throw new Problem(`Seeds ${broken.join(', ')} broke an invariant.`)
}

function copies(simulator, values, faults) {
  const options = { copies: Number(values.copies), received: Number(values.received), faults }
  const tell = (seed) => simulator.runCopySchedule({ seed, ...options, log: (line) => console.log(line) })
  if (values.replay !== undefined) return console.log(tell(Number(values.replay)))
  const startAt = performance.now()
  const endAt = startAt + Number(values.minutes) * 60_000
  const sums = { schedules: 0, steps: 0, writes: 0, acknowledged: 0, resets: 0, convergedTimeoutsMax: 0,
    replacedTimeoutsMax: 0 }
  for (let seed = Number(values.seed); performance.now() < endAt && sums.schedules < Number(values.schedules); seed++) {
    const result = simulator.runCopySchedule({ seed, ...options })
    sums.schedules++
    for (const name of ['steps', 'writes', 'acknowledged', 'resets']) sums[name] += result[name]
    sums.convergedTimeoutsMax = Math.max(sums.convergedTimeoutsMax, result.convergedMs / result.nodeTimeoutMs)
    sums.replacedTimeoutsMax = Math.max(sums.replacedTimeoutsMax, (result.replacedMs ?? 0) / result.nodeTimeoutMs)
    if (result.violation === null) {
      if (sums.schedules % 500 === 0) say(`${sums.schedules} schedules, ${sums.acknowledged} acknowledged, no violation`)
      continue
    }
    throw new Problem(`Seed ${seed}, schedule ${sums.schedules}: ${result.violation}\n` +
      `Again: npm run simulate -- --copies ${values.copies} --received ${values.received} --replay ${seed}${values.plant === undefined ? '' : ` --plant ${values.plant}`}`)
  }
  const minutes = (performance.now() - startAt) / 60_000
  console.log(JSON.stringify({ copies: options.copies, received: options.received, minutes: Number(minutes.toFixed(2)),
    schedulesPerMinute: Math.round(sums.schedules / minutes), ...sums }))
}

function restarts(simulator, values) {
  const tell = (seed) => simulator.runRestart({ seed, log: (line) => console.log(line) })
  if (values.replay !== undefined) return console.log(tell(Number(values.replay)))
  const startAt = performance.now()
  const endAt = startAt + Number(values.minutes) * 60_000
  const sums = { schedules: 0, replaced: 0, convergedTimeoutsMax: 0, replacedTimeoutsMax: 0 }
  for (let seed = Number(values.seed); performance.now() < endAt && sums.schedules < Number(values.schedules); seed++) {
    const { violation, wasReplaced, convergedMs, replacedMs, nodeTimeoutMs } = simulator.runRestart({ seed })
    sums.schedules++
    if (wasReplaced) sums.replaced++
    sums.convergedTimeoutsMax = Math.max(sums.convergedTimeoutsMax, convergedMs / nodeTimeoutMs)
    sums.replacedTimeoutsMax = Math.max(sums.replacedTimeoutsMax, (replacedMs ?? 0) / nodeTimeoutMs)
    if (violation !== null)
      throw new Problem(`Seed ${seed}, schedule ${sums.schedules}: ${violation}\nAgain: npm run simulate -- --restarts --replay ${seed}`)
  }
  const minutes = (performance.now() - startAt) / 60_000
  console.log(JSON.stringify({ restarts: true, minutes: Number(minutes.toFixed(2)),
    schedulesPerMinute: Math.round(sums.schedules / minutes), ...sums }))
}

function large(simulator, values) {
  for (let index = 0; index < Number(values.schedules); index++) {
    const startAt = performance.now()
    const result = simulator.runLarge({ seed: Number(values.seed) + index, nodes: Number(values.large),
      nodeTimeoutMs: Number(values.timeout) })
    const peakMegabytes = Math.round(process.resourceUsage().maxRSS / 1024)
    console.log(JSON.stringify({ ...result, seconds: Number(((performance.now() - startAt) / 1000).toFixed(1)),
      peakMegabytes }))
    if (result.violation !== null) throw new Problem(`Seed ${result.seed}: ${result.violation}`)
  }
}
