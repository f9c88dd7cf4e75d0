/** One-click unsubscription. */
export { unsubscribe } from './unsubscribe.ts'
