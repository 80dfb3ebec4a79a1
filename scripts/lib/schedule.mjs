/**
 * Runs steps as early as their `after` allows and as many at once as the cores allow.
 * A step states how many cores it keeps busy; a step whose predecessor failed is not run and counts as blocked.
 * A failed step never stops the independent ones: one run shows everything that is wrong.
 */

/**
 * @param steps  [{ name, after: [names], cores, run(): Promise<{ ok }> }]; names in `after` that are not among the
 *   steps count as done. A step that asks for more than `cores` runs alone.
 * @returns Map of name -> { ok, ...what run returned } or { ok: false, blockedBy }
 */
export async function runSteps(steps, cores, { onStart = () => {}, onEnd = () => {} } = {}) {
  const names = new Set(steps.map(({ name }) => name))
  const results = new Map()
  const waiting = new Set(steps)
  const running = new Map()
  let busy = 0

  while (waiting.size > 0 || running.size > 0) {
    for (const step of waiting) {
      const before = step.after.filter((name) => names.has(name))
      const failed = before.find((name) => results.get(name)?.ok === false)
      if (failed !== undefined) {
        waiting.delete(step)
        results.set(step.name, { ok: false, blockedBy: failed })
        onEnd(step, results.get(step.name))
        continue
      }
      const weight = Math.min(step.cores, cores)
      if (busy + weight > cores || !before.every((name) => results.has(name))) continue
      waiting.delete(step)
      busy += weight
      onStart(step)
      running.set(step, settle(step).then((result) => ({ step, weight, result })))
    }
    if (running.size === 0) {
      if (waiting.size === 0) break
      // A step blocked in this round may block those listed before it: look again, unless nothing can ever run.
      const stuck = [...waiting].every((step) => !step.after.some((name) => results.get(name)?.ok === false))
      if (stuck)
        throw new Error(`steps wait for each other: ${[...waiting].map(({ name }) => name).join(', ')}`)
      continue
    }
    const { step, weight, result } = await Promise.race(running.values())
    running.delete(step)
    busy -= weight
    results.set(step.name, result)
    onEnd(step, result)
  }
  return results
}

async function settle(step) {
  try {
    return await step.run()
  } catch (error) {
    return { ok: false, output: error.stack, failures: [{ message: String(error) }] }
  }
}
