/** Takes responsibility by passing each message on, inline, over SMTP or LMTP. */
export { options as proxyOptions } from './options.ts'
export { proxy } from './proxy.ts'
