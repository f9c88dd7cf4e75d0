import { pluginContract } from '@postroad/testing'
import { auth } from './index.ts'

pluginContract(auth, { options: { from: { http: { url: 'http://127.0.0.1:9/{key}' } }, delay: 0 } })
