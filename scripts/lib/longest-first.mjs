/** For vitest.config.ts: within each project the files that take long start first (durations.mjs). */
import { BaseSequencer } from 'vitest/node'
import { longestFirst, pathInRoot, readTable } from './durations.mjs'

export class LongestFirst extends BaseSequencer {
  async sort(specifications) {
    const sorted = await super.sort(specifications)
    const table = readTable()
    const projects = [...new Set(sorted.map(({ project }) => project.name))] // their order stays
    return projects.flatMap((name) => longestFirst(sorted.filter(({ project }) => project.name === name),
      ({ moduleId }) => table[pathInRoot(moduleId)]))
  }
}
