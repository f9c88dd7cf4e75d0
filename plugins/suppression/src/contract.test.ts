import { pluginContract } from '@postroad/testing'
import { suppression } from './index.ts'

pluginContract(suppression, { options: { clients: 'all', tenant: 'domain' } })
