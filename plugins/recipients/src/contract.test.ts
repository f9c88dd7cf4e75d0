import { pluginContract } from '@postroad/testing'
import { recipients } from './index.ts'

pluginContract(recipients, { options: { domains: ['none.test'], users: [] } })
