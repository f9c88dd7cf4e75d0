import { zoneDns } from '@postroad/dns'
import { Dns } from '@postroad/plugin'
import { pluginContract } from '@postroad/testing'
import { dnsbl } from './index.ts'

pluginContract(dnsbl, {
  options: {
    lists: [{ zone: 'bl.example' }, { zone: 'dom.example', of: 'sender' }, { zone: 'dom.example', of: 'helo' }],
  },
  services: [[Dns, zoneDns({})]],
})
