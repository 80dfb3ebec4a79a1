/**
 * Freezes threads of other processes for a while, as a host does that takes a core away: one thread, most often the
 * main one, or a whole process. The freezer of cgroups v1 does it, which can part the threads of a process and does
 * not meddle with SIGSTOP. Linux as root.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Problem } from './progress.mjs'

const freezer = '/sys/fs/cgroup/freezer'
const attempt = (act) => {
  try {
    return act()
  } catch {
    return undefined // it has ended meanwhile
  }
}

/** @throws {Problem} where it cannot be had */
export function checkFreezer() {
  if (process.getuid?.() !== 0) throw new Problem('freezing threads needs root')
  if (!existsSync(`${freezer}/tasks`)) throw new Problem(`freezing single threads needs cgroups v1 with its freezer at ${freezer}`)
}

/** The ids of all processes below `pid`. */
export function descendantsOf(pid) {
  const children = new Map()
  for (const id of readdirSync('/proc')) {
    const stat = /^\d+$/.test(id) ? attempt(() => readFileSync(`/proc/${id}/stat`, 'utf8')) : undefined
    if (stat === undefined) continue
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    children.set(parent, [...children.get(parent) ?? [], Number(id)])
  }
  const found = []
  for (const queue = [pid]; queue.length > 0;) {
    const below = children.get(queue.pop()) ?? []
    found.push(...below)
    queue.push(...below)
  }
  return found
}

function threadsToFreeze(pid) {
  const dice = Math.random()
  if (dice < 0.4) return [pid]
  const threads = readdirSync(`/proc/${pid}/task`)
  return dice < 0.7 ? threads : [threads[Math.floor(Math.random() * threads.length)]]
}

/**
 * Freezes until the signal says so, `atOnce` at a time.
 * @param longestMs  exponential below it, a third on average
 * @returns how often it did
 */
export async function freezeBelow(pid, { longestMs, atOnce = 3, signal }) {
  let count = 0
  let pids = []
  const lane = async (index) => {
    const group = `${freezer}/slotwise-${process.pid}-${index}`
    mkdirSync(group, { recursive: true })
    const state = (text) => writeFileSync(`${group}/freezer.state`, text)
    while (!signal.aborted) {
      await sleep(20 + Math.random() * 230)
      const chosen = pids[Math.floor(Math.random() * pids.length)]
      const threads = chosen === undefined ? undefined : attempt(() => threadsToFreeze(chosen))
      if (threads === undefined) continue
      try {
        for (const thread of threads) attempt(() => writeFileSync(`${group}/tasks`, String(thread)))
        state('FROZEN')
        await sleep(Math.min(-Math.log(1 - Math.random()) * longestMs / 3, longestMs))
      } finally {
        state('THAWED')
      }
      for (const thread of readFileSync(`${group}/tasks`, 'utf8').split('\n'))
        if (thread !== '') attempt(() => writeFileSync(`${freezer}/tasks`, thread))
      count++
    }
    attempt(() => rmdirSync(group))
  }
  const look = async () => {
    for (; !signal.aborted; await sleep(300)) pids = descendantsOf(pid)
  }
  await Promise.all([look(), ...Array.from({ length: atOnce }, (_, index) => lane(index))])
  return count
}
