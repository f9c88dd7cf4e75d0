import { pluginContract } from '@postroad/testing'
import { telemetry } from './index.ts'

pluginContract(telemetry, { options: { prometheus: { port: 0 }, traces: true } })
