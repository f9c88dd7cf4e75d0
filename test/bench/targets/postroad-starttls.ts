/** Postroad with a certificate, and without plugins but for one that ends the road. */
import { CERTIFICATE } from '../../conformance/certificate.ts'
import { discardAll, startPostroad } from '../postroad.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Postroad without plugins, with a certificate: accept and discard',
  start: (place) => startPostroad(place, [discardAll()], { listener: { certificate: CERTIFICATE } }),
}
