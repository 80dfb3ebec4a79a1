/** Prints the C++ sources of the addon, relative to native/, one a line, for binding.gyp: adding a file is enough. */
import { relative } from 'node:path'
import { filesBelow } from './lib/stamp.mjs'
import { inRoot } from './lib/repository.mjs'

for (const file of filesBelow(inRoot('native', 'src'), (name) => name.endsWith('.cc')))
  console.log(relative(inRoot('native'), file))
