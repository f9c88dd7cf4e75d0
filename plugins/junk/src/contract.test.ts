import { pluginContract } from '@postroad/testing'
import { junk } from './index.ts'

pluginContract(junk, { options: { addresses: { spam: 'spam@junk.local', ham: 'ham@junk.local' } } })
