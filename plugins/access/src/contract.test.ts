import { pluginContract } from '@postroad/testing'
import { access } from './index.ts'

pluginContract(access, {
  options: {
    deny: {
      clients: ['203.0.113.0/24'],
      senders: ['bad.example'],
      helo: ['bad.example'],
      recipients: ['closed@mx.test'],
    },
    allow: { recipients: ['b@mx.test'] },
  },
})
