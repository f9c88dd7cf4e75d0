import { scanTarget } from '../scan-target.ts'

export const target = scanTarget('auth', 'rspamd', 'clamav')
