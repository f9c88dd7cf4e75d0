/** Takes responsibility by passing each message on, inline, over SMTP or LMTP. */
export { proxy } from './proxy.ts'
