/** The shortest failing sequence that leaving things out finds, within a time. */

/**
 * @param fails  async (operations) => whether they still fail, in whatever way
 * @returns operations of which none can be left out, if time sufficed
 */
export async function shrink(operations, fails, limitMs = 60_000) {
  const endMs = performance.now() + limitMs
  let best = operations
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.length && performance.now() < endMs;) {
      const shorter = [...best.slice(0, at), ...best.slice(at + size)]
      if (shorter.length > 0 && await fails(shorter)) best = shorter
      else at += size
    }
  }
  return best
}
