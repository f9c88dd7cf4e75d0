/** Postroad without plugins, but for one that ends the road. */
import { discardAll, startPostroad } from '../postroad.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Postroad without plugins: accept and discard',
  start: (place) => startPostroad(place, [discardAll()]),
}
