import { pluginContract } from '@postroad/testing'
import { dmarcReport } from './index.ts'

pluginContract(dmarcReport, { options: { from: 'dmarc-reports@example.com' } })
