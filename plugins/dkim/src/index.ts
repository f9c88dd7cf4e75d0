/** DKIM for Postroad: `dkim()` verifies, `dkim.sign()` signs; a YAML configuration says `dkim` and `dkim#signDkim`. */
export { dkim } from './plugin.ts'
export { signDkim } from './sign/sign.ts'
