/** Postroad with the same eight plugins of Haraka, unchanged, from the same packages. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { haraka } from '@postroad/haraka'
import { EIGHT, EIGHT_CONFIG } from '../haraka/eight.ts'
import { installHaraka } from '../haraka/install.ts'
import { discardAll, startPostroad } from '../postroad.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Postroad with the same eight plugins of Haraka: accept and discard',
  start: async (place) => {
    const home = await installHaraka()
    const config = join(place.folder, 'config')
    mkdirSync(config)
    const own = join(import.meta.dirname, '../haraka/eight.cjs')
    for (const [name, text] of Object.entries(EIGHT_CONFIG)) writeFileSync(join(config, name), text)
    const plugins = [...EIGHT, own]
    // Its package is where plugins are found from, two folders above.
    return startPostroad(place, [haraka({ plugins, folder: dirname(dirname(home)), config }), discardAll()])
  },
}
