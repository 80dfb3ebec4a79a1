/**
 * What a person sees while the scripts work: one line a step, with its duration; on a terminal the running step also
 * shows its latest line. Written to stderr, so that the output of what is started stays clean.
 */
const terminal = process.stderr.isTTY === true && process.env.CI === undefined
const columns = () => process.stderr.columns ?? 80

export const say = (text) => void process.stderr.write(`${text}\n`)
export const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`

/** Runs `work(update)` as one shown step; `update(text)` shows what it is at. A failed step throws what it threw. */
export async function step(label, work) {
  const startMs = performance.now()
  const clear = () => terminal && process.stderr.write('\r\x1b[2K')
  const show = (text) => {
    if (!terminal) return
    clear()
    process.stderr.write(`  ${label} ... ${text}`.slice(0, columns() - 1))
  }
  if (terminal) show('')
  else say(`  ${label} ...`)
  try {
    const result = await work(show)
    clear()
    say(`  ${label}: ${seconds(performance.now() - startMs)}`)
    return result
  } catch (error) {
    clear()
    say(`  ${label}: failed after ${seconds(performance.now() - startMs)}`)
    throw error
  }
}

/** A failure that the reader can act on: printed without a stack. */
export class Problem extends Error {}

/** Runs a script's main function: a Problem is printed as it is, anything else with its stack; either exits with 1. */
export async function main(work) {
  try {
    await work()
  } catch (error) {
    say(error instanceof Problem ? `\n${error.message}` : error.stack)
    process.exit(1)
  }
}
