import { after } from 'node:test'
import { pluginContract } from '@postroad/testing'
import { startService } from './fixture.test.ts'
import { policy } from './policy.ts'

const service = await startService('DUNNO')
after(() => service[Symbol.asyncDispose]())

pluginContract(policy, { options: { at: service.at } })
