import { zoneDns } from '@postroad/dns'
import { Dns } from '@postroad/plugin'
import { pluginContract } from '@postroad/testing'
import { helo } from './index.ts'

pluginContract(helo, { services: [[Dns, zoneDns({})]] })
