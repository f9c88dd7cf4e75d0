/** Points for header fields that no mail program writes, or that pretend to be somebody. */
export { type HeaderSignal, headerSignals, headers, type ListUnsubscribe, listUnsubscribe } from './headers.ts'
