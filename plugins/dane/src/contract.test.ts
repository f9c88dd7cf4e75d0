import { zoneDns } from '@postroad/dns'
import { Dns } from '@postroad/plugin'
import { pluginContract } from '@postroad/testing'
import { dane } from './index.ts'

pluginContract(dane, { services: [[Dns, zoneDns({})]] })
