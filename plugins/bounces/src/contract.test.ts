import { pluginContract } from '@postroad/testing'
import { bounces } from './index.ts'

pluginContract(bounces, { options: { address: 'bounce@none.test', senders: ['news@none.test'], strict: true } })
