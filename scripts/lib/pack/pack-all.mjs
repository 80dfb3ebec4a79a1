/** Stages all published packages and has npm make their tarballs. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../processes.mjs'
import { Problem } from '../progress.mjs'
import { stageAll } from './stage.mjs'

/**
 * @param to  emptied; the staged folders are in its `staged`
 * @returns [{ name, version, file, folder, typed, bytes, unpackedBytes }]
 */
export async function packAll(to) {
  rmSync(to, { recursive: true, force: true })
  mkdirSync(to, { recursive: true })
  const staged = await stageAll(join(to, 'staged'))
  const args = ['pack', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', to, ...staged.map(({ folder }) => folder)]
  const { code, output } = await run('npm', args, { cwd: to })
  const start = output.search(/^[[{]/m)
  if (code !== 0 || start < 0) throw new Problem(`npm pack exited with ${code}:\n${output}`)
  const parsed = JSON.parse(output.slice(start))
  // An array, or since npm 11.6 an object by name.
  const packed = Object.values(parsed)
  return staged.map((item) => {
    const found = packed.find(({ name }) => name === item.name)
    if (found === undefined) throw new Problem(`npm pack made no tarball of ${item.name}`)
    const { version, filename, size, unpackedSize } = found
    return { ...item, version, file: join(to, filename.replace('@', '').replace('/', '-')), bytes: size, unpackedBytes: unpackedSize }
  })
}
