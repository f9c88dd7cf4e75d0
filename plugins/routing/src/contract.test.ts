import { pluginContract } from '@postroad/testing'
import { routing } from './index.ts'

pluginContract(routing, {
  options: {
    domains: { 'mx.test': { via: 'maildir' } },
    routes: [{ match: { header: { Subject: '*x*' } }, tag: { header: 'X-Tag' } }],
    masquerade: { 'a.test': 'b.test' },
    tables: [{ store: 'alias:' }],
    srs: { domain: 'srs.test', secret: 's' },
  },
})
