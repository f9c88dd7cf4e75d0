import { pluginContract } from '@postroad/testing'
import { tlsRpt } from './index.ts'

pluginContract(tlsRpt, { options: { from: 'tls-reports@example.com' } })
