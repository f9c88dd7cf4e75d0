import { pluginContract } from '@postroad/testing'
import { rateLimit } from './index.ts'

pluginContract(rateLimit, {
  options: {
    limits: [
      { of: 'connections', limit: '20 at once' },
      { of: 'messages', by: 'from', limit: '100/h' },
      { of: 'recipients', limit: '1000/h' },
      { of: 'octets', limit: '1 GB/h' },
      { of: 'errors', limit: '100/h' },
    ],
    header: 'X-Exceeded',
  },
})
