import { zoneDns } from '@postroad/dns'
import { Dns } from '@postroad/plugin'
import { pluginContract } from '@postroad/testing'
import { mtaSts } from './index.ts'

pluginContract(mtaSts, { services: [[Dns, zoneDns({})]] })
