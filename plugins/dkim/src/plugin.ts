/** The plugin as an operator sees it: `dkim()` verifies, `dkim.sign()` signs. */
import { verifyDkim } from './dkim.ts'
import { signDkim } from './sign/sign.ts'

/**
 * Verifies signatures; `dkim.sign` makes them.
 *
 * @example mx.use(dkim()); out.use(dkim.sign({ keys: [{ domain: 'example.com', selector: '2026a', file: 'keys/2026a.pem' }] }))
 */
export const dkim = Object.assign(verifyDkim, { sign: signDkim })
