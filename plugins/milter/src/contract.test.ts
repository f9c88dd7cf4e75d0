import { after } from 'node:test'
import { pluginContract } from '@postroad/testing'
import { startFilter } from './fixture.test.ts'
import { milter } from './milter.ts'

const filter = await startFilter()
after(() => filter[Symbol.asyncDispose]())

pluginContract(milter, { options: { at: filter.at } })
