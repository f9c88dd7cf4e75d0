/** `npm test` is the same every time: properties begin with this seed. What chance finds is for `npm run fuzz`, and for FAST_CHECK_SEED. */
import fc from 'fast-check'

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env['FAST_CHECK_SEED'] ?? 20261122) })
