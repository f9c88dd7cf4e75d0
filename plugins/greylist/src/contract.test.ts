import { pluginContract } from '@postroad/testing'
import { greylist } from './index.ts'

pluginContract(greylist, {})
